import type { StreamResponse, UnaryRequest } from '@connectrpc/connect';
import { expect, test } from 'vitest';

import { operatorRoles, type OperatorRole } from '../../config/operators/operator-entry.ts';
import { ServiceError } from '../../errors.ts';
import { checkRoles } from './check-roles.ts';
import { contextOf, operatorOf } from './operator.ts';

let isCurrent = true;
const as = (role: OperatorRole) =>
  contextOf({ name: 'ada', role, address: '192.0.2.1' }, () => isCurrent);
const requestOf = (rpc: string, role: OperatorRole): UnaryRequest => {
  const [typeName, name] = rpc.split('/');
  return { service: { typeName }, method: { name }, contextValues: as(role) } as UnaryRequest;
};

async function codeOf(answer: Promise<unknown>): Promise<string> {
  return await answer.then(
    () => 'ok',
    (error: unknown) => (error as ServiceError).code,
  );
}

const answered = checkRoles(async () => ({ stream: false }) as never);

test.each(operatorRoles)('refuses an RPC that is not in the table to %s', async (role) => {
  for (const rpc of ['headgate.v1.TailService/Stop', 'x.Y/Z', 'toString/', 'constructor/']) {
    expect(await codeOf(answered(requestOf(rpc, role)))).toBe('operator_not_allowed');
  }
});

test('names the role of the operator and the one that is needed', async () => {
  const rpc = 'headgate.v1.RejectedService/ReplayRejected';
  await expect(answered(requestOf(rpc, 'viewer'))).rejects.toThrow(
    `${rpc} needs the role operator, and ada has the role viewer.`,
  );
  expect(await codeOf(answered(requestOf(rpc, 'operator')))).toBe('ok');
});

test('ends a stream before its first message after the operator has changed', async () => {
  isCurrent = true;
  const numbers = async function* (): AsyncGenerator<number> {
    yield* [1, 2, 3];
  };
  const stream = checkRoles(async () => ({ stream: true, message: numbers() }) as never);
  const { message } = (await stream(
    requestOf('headgate.v1.TailService/Tail', 'viewer'),
  )) as unknown as StreamResponse;
  const messages = message[Symbol.asyncIterator]() as unknown as AsyncIterator<number>;
  expect(await messages.next()).toEqual({ value: 1, done: false });
  isCurrent = false;
  expect(await codeOf(messages.next())).toBe('operator_not_allowed');
  expect(await messages.next()).toEqual({ value: undefined, done: true });
});

test('operatorOf knows the operator, in handlers and in interceptors', () => {
  const operator = { name: 'ada', role: 'viewer', address: '192.0.2.1' };
  expect(operatorOf({ values: as('viewer') })).toEqual(operator);
  expect(operatorOf({ contextValues: as('viewer') })).toEqual(operator);
});
