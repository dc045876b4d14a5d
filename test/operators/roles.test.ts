import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import type { DescMethod, DescMethodStreaming, DescMethodUnary } from '@bufbuild/protobuf';
import { Code, ConnectError, createClient, type Transport } from '@connectrpc/connect';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from '@connectrpc/connect-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { RejectedService } from '../../gen/headgate/v1/rejected_service_pb.ts';
import { TailService } from '../../gen/headgate/v1/tail_service_pb.ts';
import { operatorRoles, type OperatorRole } from '../../src/config/operators/operator-entry.ts';
import { hashOperatorToken, newOperatorToken } from '../../src/config/operators/operator-token.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { roleNeededBy } from '../../src/operators/access/roles.ts';
import { adminToken } from '../admin-token.ts';
import { startRealService, type RealService } from '../real-service.ts';
import { operatorsServices } from './operators-services.ts';

/* What each role may do on the admin port of a real service. */

const methods: readonly DescMethod[] = (await operatorsServices()).flatMap((one) => one.methods);
const rpcOf = (method: DescMethod): string => `${method.parent.typeName}/${method.name}`;

const tokens = Object.fromEntries(
  operatorRoles.map((role) => [role, newOperatorToken()]),
) as Record<OperatorRole, string>;
const yamlOf = (roles: readonly OperatorRole[]): string =>
  `operators:\n${roles
    .map(
      (role) =>
        `  - { name: ${role}-1, role: ${role}, hash: "${hashOperatorToken(tokens[role])}" }\n`,
    )
    .join('')}`;

test('the table of roles has every RPC of the contract, and no other', () => {
  expect(Object.keys(roleNeededBy).toSorted()).toEqual(methods.map(rpcOf).toSorted());
});

test('a viewer only reads', () => {
  const reads = /\/(List|Get|Count|Read|Locate|Find|Tail|Try|Infer)/;
  const open = Object.entries(roleNeededBy).filter(([, role]) => role === 'viewer');
  expect(open.map(([rpc]) => rpc).filter((rpc) => !reads.test(rpc))).toEqual([]);
});

/** What each role includes, written out: the code under test has a rule for it. */
const included: Readonly<Record<OperatorRole, readonly string[]>> = {
  metrics: [],
  viewer: ['viewer'],
  operator: ['viewer', 'operator'],
  admin: ['viewer', 'operator', 'admin'],
};

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** The error of a call with an empty request; undefined if it was answered. */
async function errorOf(
  transport: Transport,
  method: DescMethod,
  token?: string,
): Promise<ConnectError | undefined> {
  const headers = token === undefined ? {} : bearer(token);
  const signal = AbortSignal.timeout(10_000);
  try {
    if (method.methodKind === 'unary') {
      await transport.unary(method as DescMethodUnary, signal, undefined, headers, {});
      return undefined;
    }
    const requests = (async function* () {
      yield {};
    })();
    const streaming = method as DescMethodStreaming;
    const answer = await transport.stream(streaming, signal, undefined, headers, requests);
    await answer.message[Symbol.asyncIterator]().next();
    return undefined;
  } catch (error) {
    return ConnectError.from(error);
  }
}

const refusals: readonly (Code | undefined)[] = [Code.PermissionDenied, Code.Unauthenticated];

const lines: { readonly code?: string; readonly rpc?: string; readonly operator?: string }[] = [];
const logger = createLogger('debug', {
  write: (line) => void lines.push(JSON.parse(line) as (typeof lines)[number]),
});

describe.each(['own', 'node'])('on the engine %s', (engine) => {
  let real: RealService;
  let transport: Transport;
  beforeAll(async () => {
    const env = { HEADGATE_HTTP_ENGINE: engine, HEADGATE_SCHEMAS_SOURCE: 'registry' };
    lines.length = 0;
    real = await startRealService({ env, yaml: yamlOf(operatorRoles), logger });
    transport = createConnectTransport({ baseUrl: real.adminUrl, httpVersion: '1.1' });
  });
  afterAll(() => real[Symbol.asyncDispose]());

  test('every RPC by every role, and each refusal is logged with who was refused', async () => {
    const rows: Record<string, Record<string, string>> = {};
    const wrong: string[] = [];
    const refused: string[] = [];
    for (const method of methods) {
      const rpc = rpcOf(method);
      const row: Record<string, string> = { needs: roleNeededBy[rpc] ?? '' };
      rows[rpc.replace('headgate.v1.', '')] = row;
      for (const role of operatorRoles) {
        const error = await errorOf(transport, method, tokens[role]);
        const isRefused = refusals.includes(error?.code);
        row[role] = isRefused
          ? 'refused'
          : error === undefined
            ? 'yes'
            : `yes (${Code[error.code]})`;
        const why = `needs the role ${row['needs']}, and ${role}-1 has the role ${role}.`;
        if (isRefused) refused.push(`${role}-1: ${rpc}`);
        if (isRefused && !error!.rawMessage.includes(why)) wrong.push(error!.rawMessage);
        if (isRefused === included[role].includes(row['needs']!)) wrong.push(`${rpc} by ${role}`);
      }
      const stranger = await errorOf(transport, method);
      row['no token'] = stranger?.code === Code.Unauthenticated ? 'refused' : 'yes';
      if (row['no token'] !== 'refused') wrong.push(`${rpc} by a stranger`);
      if ((await errorOf(transport, method, adminToken))?.code === Code.PermissionDenied) {
        wrong.push(`${rpc} by the token of admin`);
      }
    }
    // An empty request is invalid for many: "yes" says that the role was not the reason.
    console.table(rows);
    expect(wrong).toEqual([]);
    const logged = lines
      .filter(({ code }) => code === 'operator_not_allowed')
      .map(({ operator, rpc }) => `${operator}: ${rpc}`);
    expect(refused.length).toBeGreaterThan(20);
    expect(logged).toEqual(refused);
  });

  test('/metrics by every role, and nothing else by metrics', async () => {
    const ask = async (page: string, token: string): Promise<number> =>
      (await fetch(`${real.adminUrl}${page}`, { headers: bearer(token) })).status;
    for (const role of operatorRoles) expect(await ask('/metrics', tokens[role])).toBe(200);
    expect(await ask('/metrics', newOperatorToken())).toBe(401);
    expect(await ask('/other', tokens.metrics)).toBe(403);
    expect(await ask('/other', tokens.viewer)).toBe(404);
    const rpc = await fetch(`${real.adminUrl}/headgate.v1.RejectedService/ListRejected`, {
      method: 'POST',
      headers: { ...bearer(tokens.metrics), 'content-type': 'application/json' },
      body: '{}',
    });
    expect([rpc.status, ((await rpc.json()) as { code: string }).code]).toEqual([
      403,
      'permission_denied',
    ]);
  });

  test('gRPC and gRPC-Web are refused in their own form', async () => {
    await using sessionManager = Object.assign(new Http2SessionManager(real.adminUrl), {
      [Symbol.asyncDispose]: async () => sessionManager.abort(),
    });
    for (const each of [
      createGrpcTransport({ baseUrl: real.adminUrl, sessionManager }),
      createGrpcWebTransport({ baseUrl: real.adminUrl, httpVersion: '1.1' }),
    ]) {
      const { discardRejected } = createClient(RejectedService, each);
      const headers = bearer(tokens.viewer);
      const refused = discardRejected({ sequence: 1n, why: 'a test' }, { headers });
      await expect(refused).rejects.toMatchObject({ code: Code.PermissionDenied });
      const allowed = discardRejected(
        { sequence: 1n, why: 'a test' },
        { headers: bearer(tokens.operator) },
      );
      await expect(allowed).rejects.toMatchObject({ code: Code.NotFound });
    }
  });
});

test('a role that changes in the file applies at once, also to a stream that is open', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'headgate-roles-'));
  try {
    const followed = path.join(folder, 'headgate.yaml');
    writeFileSync(followed, yamlOf(['viewer']));
    await using real = await startRealService({ followed });
    const transport = createConnectTransport({ baseUrl: real.adminUrl, httpVersion: '1.1' });
    const [list] = methods.filter(({ name }) => name === 'ListRejected');
    expect(await errorOf(transport, list!, tokens.viewer)).toBeUndefined();

    const headers = bearer(tokens.viewer);
    const tail = createClient(TailService, transport).tail({}, { headers });
    const messages = tail[Symbol.asyncIterator]();
    expect((await messages.next()).value?.what.case).toBe('started');

    writeFileSync(followed, yamlOf(['admin']));
    process.emit('SIGHUP');
    expect((await errorOf(transport, list!, tokens.viewer))?.code).toBe(Code.Unauthenticated);
    expect(await errorOf(transport, list!, tokens.admin)).toBeUndefined();
    const next = messages.next();
    await fetch(`${real.url}/v1/track`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ event_name: 'order_completed', user_id: 'secret-person' }),
    });
    await expect(next).rejects.toMatchObject({ code: Code.PermissionDenied });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
