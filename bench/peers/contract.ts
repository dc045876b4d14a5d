import { isDeepStrictEqual } from 'node:util';

import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';

import { ErrorInfoSchema } from '../../gen/google/rpc/error_details_pb.ts';
import type { EventResult } from '../../gen/headgate/v1/event_result_pb.ts';
import { TrackService } from '../../gen/headgate/v1/track_service_pb.ts';
import { stream, type Running } from './contenders.ts';

/*
 * The contract of the endpoints, as far as every contender keeps it. What a server answers to the same requests
 * is reduced to what callers act on (statuses, codes, paths, ids), so that two servers can be compared; texts
 * for people may differ.
 */

interface Answers {
  readonly [request: string]: unknown;
}

const properties = { order_id: 'A-1', total: 49.9, currency: 'EUR' };
const keyOf = (number: number): string =>
  `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;

const event = (key: number, changes: object = {}) => ({
  event_name: 'order_completed',
  user_id: 'u-1',
  idempotency_key: keyOf(key),
  properties,
  context: { page: '/done', depth: 1 },
  ...changes,
});

/** Requests of /v1/track. An event that comes second under its key is a duplicate. */
const single: Readonly<Record<string, unknown>> = {
  good: event(1),
  again: event(1),
  'first version': event(2, { schema_version: 1, properties: { order_id: 'A-1' } }),
  'unknown version': event(3, { schema_version: 9 }),
  'broken schema': event(4, { properties: { ...properties, currency: 'euro' } }),
  'nested fault': event(5, { properties: { ...properties, items: [{ sku: 'S', quantity: 0 }] } }),
  'missing property': event(6, { properties: { order_id: 'A-1', total: 1 } }),
  'additional property': event(13, { properties: { ...properties, colour: 'red' } }),
  'unplanned name': event(7, { event_name: 'order_created' }),
  'no identity': event(8, { user_id: '' }),
  placeholder: event(9, { user_id: 'null' }),
  'no key': event(10, { idempotency_key: '' }),
  'no UUID': event(11, { idempotency_key: '7' }),
  'unknown field': event(12, { colour: 'red' }),
};

const batch = {
  context: { page: '/list', app: 'shop' },
  events: [event(20), event(20), event(21, { properties: {} }), event(22, { context: null })],
};

/** Sends every request of the contract, to a server that has stored nothing yet. */
export async function askContract({ port, nats }: Running): Promise<Answers> {
  const base = `http://127.0.0.1:${port}`;
  const answers: Record<string, unknown> = {};
  for (const [name, body] of Object.entries(single)) {
    answers[`track, ${name}`] = await post(`${base}/v1/track`, body);
  }
  answers['batch, mixed'] = await post(`${base}/v1/batch`, batch);
  answers['batch, all rejected'] = await post(`${base}/v1/batch`, {
    events: [event(23, { user_id: '' })],
  });
  const client = createClient(TrackService, createGrpcTransport({ baseUrl: base }));
  const sent = (key: number, json: object = properties) => ({
    eventName: 'order_completed',
    anonymousId: 'a-1',
    idempotencyKey: keyOf(key),
    propertiesJson: JSON.stringify(json),
    context: { page: '/done' },
  });
  answers['grpc, good'] = await call(() => client.track({ event: sent(30) }));
  answers['grpc, again'] = await call(() => client.track({ event: sent(30) }));
  answers['grpc, struct'] = await call(() =>
    client.track({ event: { ...sent(31), propertiesJson: '', properties } }),
  );
  answers['grpc, broken schema'] = await call(() => client.track({ event: sent(32, {}) }));
  answers['grpc, batch'] = await call(() =>
    client.batchTrack({ events: [sent(33), sent(33), sent(34, {})] }),
  );
  answers['stored'] = await readStored(nats);
  return answers;
}

/** Throws with the first request that the two answer in different ways. */
export function compareAnswers(name: string, gate: Answers, peer: Answers): void {
  for (const [request, expected] of Object.entries(gate)) {
    if (isDeepStrictEqual(peer[request], expected)) continue;
    throw new Error(
      `${name} keeps the contract otherwise than the gate, at "${request}":\n` +
        `gate: ${JSON.stringify(expected)}\n${name}: ${JSON.stringify(peer[request])}`,
    );
  }
}

interface JsonResult {
  readonly status?: unknown;
  readonly code?: string;
  readonly event_id?: string;
  readonly schema_version?: number;
  readonly sequence?: number;
  readonly violations?: readonly { readonly path: string }[];
  readonly error?: JsonResult;
  readonly results?: readonly JsonResult[];
}

async function post(url: string, body: unknown): Promise<unknown> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const answer = (await response.json()) as JsonResult;
  const { results, ...counts } = answer;
  return results === undefined
    ? { http: response.status, ...reduced(answer) }
    : { http: response.status, ...counts, results: results.map(reduced) };
}

/** The problem of a rejected event says its id only at the gate. */
function reduced({
  status,
  code,
  event_id,
  schema_version,
  sequence,
  violations,
  error,
}: JsonResult) {
  const fault = error ?? { code, violations };
  const paths = (fault.violations ?? []).map(({ path }) => path);
  return fault.code === undefined
    ? { status, event_id, schema_version, sequence }
    : { status, code: fault.code, paths: fault.code === 'schema_violation' ? paths : [] };
}

async function call(
  send: () => Promise<{ result?: EventResult | undefined; results?: EventResult[] }>,
): Promise<unknown> {
  try {
    const { result, results } = await send();
    return (results ?? [result!]).map(({ status, eventId, schemaVersion, sequence, error }) => ({
      status,
      ...(error === undefined
        ? { eventId, schemaVersion, sequence: Number(sequence) }
        : { code: error.code }),
    }));
  } catch (error) {
    const failure = ConnectError.from(error);
    const [info] = failure.findDetails(ErrorInfoSchema);
    return { grpc: Code[failure.code], code: info?.reason };
  }
}

/** The messages of the stream, without what differs between two runs. */
async function readStored(nats: NatsConnection): Promise<unknown[]> {
  const manager = await jetstreamManager(nats);
  const { state } = await manager.streams.info(stream);
  const stored: unknown[] = [];
  for (let seq = state.first_seq; seq <= state.last_seq; seq += 1) {
    const message = (await manager.streams.getMessage(stream, { seq }))!;
    const { timestamp, eventTime, correlationId, ...rest } =
      message.json<Record<string, unknown>>();
    const times = [timestamp, eventTime, correlationId].map((value) => typeof value);
    stored.push({
      subject: message.subject,
      id: message.header.get('Nats-Msg-Id'),
      times,
      ...rest,
    });
  }
  return stored;
}
