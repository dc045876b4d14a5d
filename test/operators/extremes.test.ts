import type {
  DescMethod,
  DescMethodStreaming,
  DescMethodUnary,
  MessageInitShape,
  DescMessage,
} from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type Transport } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { withAdminToken } from '../admin-token.ts';
import { makeSound } from '../dead-letters/dead-rig.ts';
import { order } from '../endpoints/sample-events.ts';
import { sendEvent } from '../audit/audit-rig.ts';
import { startRealService, type RealService } from '../real-service.ts';
import { extremesOf } from './extreme-requests.ts';
import { operatorsServices } from './operators-services.ts';

/*
 * Every RPC of the admin port with every field of its request at its extremes, on a real service: what a
 * caller sends is never answered as if the gate or the log had failed.
 */

const methods: readonly DescMethod[] = (await operatorsServices()).flatMap((one) => one.methods);

/** Valid requests, so that one extreme is not hidden behind another field that is missing. */
const bases: Readonly<Record<string, readonly Record<string, unknown>[]>> = {
  FixDeadLetter: [{ id: 'crm:1', eventJson: '{}' }],
  DiscardDeadLetter: [{ id: 'crm:1', why: 'a test' }],
  ReadEvents: [{ eventName: 'order_completed' }],
  Locate: [{ id: 'e-1' }, { property: 'A-1' }],
  CreateKey: [{ source: 'shop' }],
  RotateKey: [{ id: '0123456789ab' }],
  RevokeKey: [{ id: '0123456789ab' }],
  ReplayRejected: [{ dryRun: true }, { sequence: 1n, dryRun: true }],
  DiscardRejected: [{ dryRun: true, why: 'a test' }],
  CountRedelivery: [{ selection: { destination: 'warehouse' } }],
  StartRedelivery: [{ selection: { destination: 'warehouse' } }],
  ActivateSchema: [{ eventName: 'order_completed', version: 1 }],
  DeprecateSchema: [{ eventName: 'order_completed', version: 1 }],
  RegisterSchema: [{ eventName: 'order_completed', schemaJson: '{}', validateOnly: true }],
  PushTaxonomy: [{ validateOnly: true }],
};

/** Says that the gate, the log or the network failed. */
const failures: readonly Code[] = [
  Code.Unavailable,
  Code.Internal,
  Code.Unknown,
  Code.DataLoss,
  Code.DeadlineExceeded,
];

let real: RealService;
let transport: Transport;

beforeAll(async () => {
  real = await startRealService({ env: { HEADGATE_SCHEMAS_SOURCE: 'registry' } });
  await sendEvent(real, order({ user_id: 'null' }));
  await sendEvent(real, order({}));
  await makeSound(real.service.log, 2);
  transport = createGrpcTransport({ baseUrl: real.adminUrl, interceptors: [withAdminToken] });
}, 60_000);
afterAll(() => real[Symbol.asyncDispose]());

async function errorOf(method: DescMethod, message: object): Promise<ConnectError | undefined> {
  const input = message as MessageInitShape<DescMessage>;
  const stop = new AbortController();
  try {
    if (method.methodKind === 'unary') {
      await transport.unary(method as DescMethodUnary, stop.signal, 10_000, {}, input);
      return undefined;
    }
    const requests = (async function* () {
      yield input;
    })();
    const streaming = method as DescMethodStreaming;
    const answer = await transport.stream(streaming, stop.signal, 10_000, {}, requests);
    await answer.message[Symbol.asyncIterator]().next();
    return undefined;
  } catch (error) {
    return ConnectError.from(error);
  } finally {
    stop.abort();
  }
}

test.each(methods.map((method) => [`${method.parent.name}/${method.name}`, method] as const))(
  '%s never fails because of what is asked',
  async (_name, method) => {
    const failed: string[] = [];
    let calls = 0;
    for (const base of bases[method.name] ?? [{}]) {
      for (const { what, message } of [
        { what: 'the base', message: base },
        ...extremesOf(method.input, base),
      ]) {
        const error = await errorOf(method, message);
        calls += 1;
        if (error === undefined || !failures.includes(error.code)) continue;
        failed.push(`${what} -> ${Code[error.code]}: ${error.rawMessage.slice(0, 160)}`);
      }
    }
    expect(failed).toEqual([]);
    expect(calls).toBeGreaterThan(0);
  },
  60_000,
);

test('what was asked can be read in the audit log', async () => {
  const list = methods.find(({ name }) => name === 'ListAudit')!;
  const since = timestampFromMs(Date.now() - 600_000);
  const missing = methods.find(({ name }) => name === 'GetRejected')!;
  for (const sequence of [2n ** 64n - 1n, 2n ** 63n]) await errorOf(missing, { sequence });
  expect(await errorOf(list, { since, action: 'GetRejected', pageSize: 500 })).toBeUndefined();
  expect(await errorOf(list, { since, action: 'DiscardRejected' })).toBeUndefined();
});

test('an answer says which value it does not take', async () => {
  const refusal = async (name: string, message: object): Promise<string | undefined> =>
    (
      await errorOf(
        methods.find((method) => method.name === name)!,
        message,
      )
    )?.rawMessage;
  expect(await refusal('GetRejected', {})).toContain('sequence is missing');
  expect(await refusal('GetRejected', { sequence: 2n ** 64n - 1n })).toContain(
    'There is no rejected event 18446744073709551615.',
  );
  const since = { seconds: 253_402_300_800n, nanos: 0 };
  expect(await refusal('ListDeadLetters', { since })).toContain('since is not a time');
  expect(await refusal('ListKeys', { pageSize: -1 })).toContain('page_size is -1');
  expect(await refusal('GetDeadLetter', { id: 'x'.repeat(100_000) })).toMatch(/x{3000}x*… /);
});
