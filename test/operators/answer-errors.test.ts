import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

import type {
  DescMessage,
  DescMethod,
  DescMethodStreaming,
  DescMethodUnary,
  MessageInitShape,
} from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { createAuditRecords } from '../../src/audit/audit-records.ts';
import { formatAddress } from '../../src/config/address.ts';
import { createSecret } from '../../src/config/secret.ts';
import { readConfig } from '../../src/config/read-config.ts';
import { destinationTypes } from '../../src/destinations/registry.ts';
import { errorEntry } from '../../src/errors.ts';
import type { Listener } from '../../src/http/listen.ts';
import { withClients, type LogClients } from '../../src/jetstream/clients.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import { createSignals } from '../../src/observability/signals.ts';
import type { PortAccess } from '../../src/operators/access/port-access.ts';
import { openAdmin } from '../../src/operators/admin.ts';
import { operatorsRoutes, type OperatorsParts } from '../../src/operators/routes.ts';
import { adminToken, asAdmin, withAdminToken } from '../admin-token.ts';
import { operatorsServices } from './operators-services.ts';
import { createTail } from '../../src/tail/tail.ts';

const secret = 'hunter2 of a place that nobody expected';

/** A proxy whose every member throws. */
function broken<Part extends object>(): Part {
  return new Proxy({} as Part, {
    get: () => {
      throw new Error(secret);
    },
  });
}

const fails = (): never => {
  throw new Error(secret);
};

const brokenAccess: PortAccess = { operators: fails, sessionsOf: fails, servesConsole: fails };

/** The smallest valid requests of RPCs that refuse an empty one. */
const requests: Readonly<Record<string, object>> = {
  GetRejected: { sequence: 1n },
  FixDeadLetter: { eventJson: '{}' },
  DiscardDeadLetter: { why: 'a test' },
  ReadEvents: { eventName: 'order_completed' },
  Locate: { id: 'e-1' },
  CreateKey: { source: 'shop' },
  PauseDestination: { name: 'crm', why: 'a test' },
  ResumeDestination: { name: 'crm' },
  GetDestination: { name: 'crm' },
  TrySchema: { eventName: 'order_completed' },
  InferSchema: { eventName: 'order_completed' },
  RotateKey: { id: '0123456789ab' },
  RevokeKey: { id: '0123456789ab' },
  ReplayRejected: { sequence: 1n },
  CountRedelivery: { selection: { destination: 'crm' } },
  StartRedelivery: { selection: { destination: 'crm' } },
  DiscardRejected: { sequence: 1n, why: 'a test' },
};

const methods: readonly DescMethod[] = (await operatorsServices()).flatMap((one) => one.methods);

const lines: { readonly [name: string]: unknown }[] = [];
const metrics = createMetrics({ sources: [], eventNames: [], destinations: [] });
let admin: Listener;

beforeAll(async () => {
  const config = readConfig({
    env: { HEADGATE_ADMIN_LISTEN: '127.0.0.1:0' },
    readFile: () => '',
    destinationTypes,
    configFile: undefined,
  });
  const logger = createLogger('debug', {
    write: (line) => void lines.push(JSON.parse(line) as { readonly [name: string]: unknown }),
  });
  const signals = createSignals(metrics, logger);
  const log = withClients(broken<OperatorsParts['log']>(), broken<LogClients>());
  const parts: OperatorsParts = {
    log,
    tail: createTail(log, () => false),
    registry: {
      source: 'registry',
      registry: fails,
      changeable: broken(),
      countEvents: fails,
      lastEventAtMs: fails,
      readTaxonomy: fails,
    },
    rejected: { rejected: broken(), replay: broken(), discard: broken(), textOf: fails },
    events: { destinations: [], delivery: undefined, rejected: broken() },
    deadLetters: broken(),
    keys: {
      editor: broken(),
      refresh: fails,
      list: fails,
      auth: 'keys',
      webhooks: () => [],
      requestBytesMax: 0,
    },
    auditRecords: createAuditRecords(log),
    destinations: {
      signals,
      destinations: [{ name: 'crm', type: 'webhook' }],
      stateOf: fails,
      deliveredOf: fails,
      canBeAsked: fails,
    },
    addCounts: fails,
    examine: fails,
    redeliveries: {
      signals,
      destinations: [
        { name: 'crm', type: 'webhook', events: [], sources: [], secondCopies: 'None.' },
      ],
      storedOf: undefined,
    },
  };
  admin = await openAdmin({
    config,
    tokens: { admin: createSecret(adminToken), metrics: undefined },
    signals,
    notice: () => '',
    probe: async () => {},
    metricsPage: { contentType: 'text/plain', render: async function* () {} },
    audit: (next) => next,
    recordSession: async () => {},
    routes: (router) => operatorsRoutes(parts)(router, brokenAccess),
  });
});

afterAll(() => admin.close(0));

interface Answer {
  readonly error: ConnectError;
  readonly headers: Headers;
}

async function call(method: DescMethod, correlationId: string): Promise<Answer> {
  const baseUrl = `http://${formatAddress(admin.address)}`;
  const { unary, stream } = createConnectTransport({
    baseUrl,
    httpVersion: '1.1',
    interceptors: [withAdminToken],
  });
  const sent = { 'x-correlation-id': correlationId };
  const request = (requests[method.name] ?? {}) as MessageInitShape<DescMessage>;
  let headers: Headers | undefined;
  try {
    if (method.methodKind === 'unary') {
      await unary(method as DescMethodUnary, undefined, undefined, sent, request);
    } else {
      const messages = (async function* () {
        yield request;
      })();
      const streaming = method as DescMethodStreaming;
      const answer = await stream(streaming, undefined, undefined, sent, messages);
      headers = answer.header;
      for await (const message of answer.message) {
        throw new TypeError(`an answer before the error: ${JSON.stringify(message)}`);
      }
    }
  } catch (thrown) {
    if (thrown instanceof TypeError) throw thrown;
    const error = ConnectError.from(thrown);
    return { error, headers: headers ?? error.metadata };
  }
  throw new Error(`${method.name} was answered without an error`);
}

test('there are services, and methods of both kinds', () => {
  expect(methods.length).toBeGreaterThan(15);
  expect(new Set(methods.map(({ methodKind }) => methodKind))).toEqual(
    new Set(['unary', 'server_streaming']),
  );
});

test.each(methods.map((method) => [`${method.parent.name}/${method.name}`, method] as const))(
  '%s answers an unknown error as internal, logs it once and leaks nothing of it',
  async (name, method) => {
    const correlationId = `c-${name}`;
    const counted = metrics.adminErrors.series('internal').value;
    const { error, headers } = await call(method, correlationId);

    expect(error.code).toBe(Code.Internal);
    expect(error.rawMessage).toContain(errorEntry('internal').text);
    expect(error.rawMessage).toContain(correlationId);
    expect(headers.get('x-correlation-id')).toBe(correlationId);
    const shown = JSON.stringify([error.rawMessage, [...headers], [...error.metadata]]);
    expect(shown).not.toContain('hunter2');

    const logged = lines.filter((line) => line['correlationId'] === correlationId);
    expect(logged).toMatchObject([
      {
        level: 'error',
        code: 'internal',
        rpc: `headgate.v1.${name}`,
        operator: 'admin',
        msg: secret,
      },
    ]);
    expect(JSON.stringify(logged[0]!['err'])).toContain(secret);
    expect(metrics.adminErrors.series('internal').value).toBe(counted + 1);
  },
);

test('answer and log line have a new correlation id if the caller sent none', async () => {
  const url = `http://${formatAddress(admin.address)}/headgate.v1.EventService/Locate`;
  const answer = await fetch(url, {
    method: 'POST',
    headers: { ...asAdmin.headers, 'content-type': 'application/json' },
    body: '{"id":"e-1"}',
  });
  expect(answer.status).toBe(500);
  const correlationId = answer.headers.get('x-correlation-id')!;
  expect(((await answer.json()) as { message: string }).message).toContain(correlationId);
  expect(lines.filter((line) => line['correlationId'] === correlationId)).toHaveLength(1);
});

test('no service answers an error by itself', () => {
  const folder = path.resolve('src/operators');
  const broken = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .filter((name) => name !== 'answer-errors.ts')
    .filter((name) => {
      const text = readFileSync(path.join(folder, name), 'utf8');
      // The port itself is no service: it reports what goes wrong with the health pages.
      const reports = name !== 'admin.ts' && text.includes('signals.trouble');
      return reports || text.includes('ConnectError');
    });
  expect(broken).toEqual([]);
});
