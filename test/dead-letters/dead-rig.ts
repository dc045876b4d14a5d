import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { createClient, createRouterTransport } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';

import { DeadLetterService } from '../../gen/headgate/v1/dead_letter_service_pb.ts';
import { deadCommand } from '../../src/cli/dead/dead.ts';
import {
  createDeadLetterQueue,
  type DeadLetterQueue,
  type OpenedDeadLetter,
} from '../../src/dead-letters/queue.ts';
import type { DeadLetterFilter } from '../../src/dead-letters/walk-dead-letters.ts';
import { createEventFixer } from '../../src/gate/accept/fix-event.ts';
import { clientsForTests, withClients } from '../../src/jetstream/clients.ts';
import type { Log } from '../../src/jetstream/log.ts';
import { PublishError } from '../../src/jetstream/publish/publish-error.ts';
import type { StreamName } from '../../src/jetstream/topology.ts';
import { answerErrors } from '../../src/operators/answer-errors.ts';
import { deadLetterMessage } from '../../src/operators/dead-letters/dead-letter-message.ts';
import { createDeadLetterService } from '../../src/operators/dead-letters/dead-letter-service.ts';
import { createValidation, loadRegistry } from '../../src/validation/validation.ts';
import { createTestSignals, makeDead } from '../delivery/rig.ts';

export const everything: DeadLetterFilter = {
  destination: '',
  eventName: '',
  reason: '',
  user: '',
  sinceMs: 0,
  untilMs: Infinity,
  sequenceMax: Infinity,
};

/** Properties that the example's schema of order_completed accepts. */
export const soundProperties = '{"order_id":"A-1","total":12345678901234567890,"currency":"EUR"}';

export const eventBytesMax = 4_096;

/** The queue with the gate's own validation, by the schemas of the example. */
export async function openQueue(log: Log): Promise<DeadLetterQueue> {
  const { validate } = createValidation(await loadRegistry('schemas'));
  return createDeadLetterQueue(log, createEventFixer({ validate, eventBytesMax }));
}

/** The log, whose next message to this stream is stored, and its acknowledgement lost. */
export function losing(log: Log, lost: StreamName): Log {
  let isArmed = true;
  const store: Log['store'] = async (stream, ...message) => {
    const ack = await log.store(stream, ...message);
    if (stream !== lost || !isArmed) return ack;
    isArmed = false;
    throw new PublishError('timeout', 'the acknowledgement was lost');
  };
  return withClients({ ...log, store }, clientsForTests(log));
}

/** An entry in the form in which operators get it. */
export function asMessage(opened: OpenedDeadLetter) {
  return { ...opened, deadLetter: deadLetterMessage(opened.deadLetter) };
}

/** The dead-letter service of the admin port, called without a port. */
export function connectService(queue: DeadLetterQueue) {
  const { signals } = createTestSignals();
  const transport = createRouterTransport(
    (router) => router.service(DeadLetterService, createDeadLetterService(queue)),
    { router: { interceptors: [answerErrors(signals)] } },
  );
  return createClient(DeadLetterService, transport);
}

/** Dead letters of `crm` with valid events. */
export function makeSound(
  log: Log,
  count: number,
  options: { reason?: string; eventName?: string; properties?: string } = {},
): Promise<string[]> {
  return makeDead(log, count, { properties: soundProperties, ...options });
}

/** The dead-letter service on a port of its own, and the command that talks to it. */
export async function startAdmin(log: Log) {
  const queue = await openQueue(log);
  const { signals } = createTestSignals();
  const tokens: (string | undefined)[] = [];
  const handler = connectNodeAdapter({
    routes: (router) => router.service(DeadLetterService, createDeadLetterService(queue)),
    interceptors: [answerErrors(signals)],
  });
  const server = createServer((request, response) => {
    tokens.push(request.headers.authorization);
    handler(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    queue,
    tokens,
    run: (args: readonly string[], more: Readonly<Record<string, string>> = {}) => {
      const env = {
        HEADGATE_ADMIN_LISTEN: `127.0.0.1:${port}`,
        HEADGATE_ADMIN_TOKEN: 'sesame',
        ...more,
      };
      const command = deadCommand({ env })
        .exitOverride()
        .configureOutput({ writeErr: () => {} });
      for (const child of command.commands) {
        child.exitOverride().configureOutput({ writeErr: () => {} });
      }
      return command.parseAsync(args, { from: 'user' });
    },
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
