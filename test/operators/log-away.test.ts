import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { expect, test } from 'vitest';

import { DeadLetterService } from '../../gen/headgate/v1/dead_letter_service_pb.ts';
import { DestinationService } from '../../gen/headgate/v1/destination_service_pb.ts';
import { EventLogService } from '../../gen/headgate/v1/event_log_service_pb.ts';
import { EventService } from '../../gen/headgate/v1/event_service_pb.ts';
import { KeyService } from '../../gen/headgate/v1/key_service_pb.ts';
import { RejectedService } from '../../gen/headgate/v1/rejected_service_pb.ts';
import { SchemaRegistryService } from '../../gen/headgate/v1/schema_registry_service_pb.ts';
import { TailService } from '../../gen/headgate/v1/tail_service_pb.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { freeze } from '../frozen-process.ts';
import { startRealService } from '../real-service.ts';
import { withAdminToken } from '../admin-token.ts';

test('while the log does not answer, every service reports it, and works again afterwards', async () => {
  const lines: { readonly code?: string; readonly level: string; readonly rpc?: string }[] = [];
  await using real = await startRealService({
    env: { HEADGATE_SCHEMAS_SOURCE: 'registry' },
    logger: createLogger('info', {
      write: (line) => void lines.push(JSON.parse(line) as (typeof lines)[number]),
    }),
  });
  const transport = createConnectTransport({
    baseUrl: real.adminUrl,
    httpVersion: '1.1',
    interceptors: [withAdminToken],
  });
  const rpcs: Readonly<Record<string, () => Promise<unknown>>> = {
    'DeadLetterService/ListDeadLetters': () =>
      createClient(DeadLetterService, transport).listDeadLetters({}),
    'DestinationService/ListDestinations': () =>
      createClient(DestinationService, transport).listDestinations({}),
    'EventLogService/ReadEvents': () =>
      createClient(EventLogService, transport).readEvents({ eventName: 'order_completed' }),
    'EventService/Locate': () => createClient(EventService, transport).locate({ id: 'e-1' }),
    'KeyService/ListKeys': () => createClient(KeyService, transport).listKeys({}),
    'KeyService/CreateKey': () => createClient(KeyService, transport).createKey({ source: 'shop' }),
    'RejectedService/ListRejected': () => createClient(RejectedService, transport).listRejected({}),
    'SchemaRegistryService/PushTaxonomy': () =>
      createClient(SchemaRegistryService, transport).pushTaxonomy({ taxonomy: 'events: {}' }),
    'TailService/Tail': async () => {
      for await (const { what } of createClient(TailService, transport).tail({})) return what;
      return undefined;
    },
  };
  const ask = () => Promise.allSettled(Object.values(rpcs).map((rpc) => rpc()));

  const processId = real.service.embedded!.processId()!;
  await freeze(processId);
  const answers = await ask().finally(() => process.kill(processId, 'SIGCONT'));
  const codes = answers.map((answer) =>
    answer.status === 'fulfilled' ? undefined : ConnectError.from(answer.reason).code,
  );
  expect(codes).toEqual(codes.map(() => Code.Unavailable));
  for (const name of Object.keys(rpcs)) {
    const logged = lines.filter(({ rpc }) => rpc === `headgate.v1.${name}`);
    expect(logged).toMatchObject([{ level: 'warn', code: 'log_unavailable' }]);
  }

  // This test's taxonomy is invalid; everything else works.
  await expect
    .poll(async () => (await ask()).filter(({ status }) => status === 'rejected').length, {
      timeout: 30_000,
    })
    .toBe(1);
});
