import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Limits } from '../../src/config/config.ts';
import { hashWriteKey } from '../../src/config/write-key.ts';
import { ServiceError } from '../../src/errors.ts';
import type { IncomingEvent } from '../../src/event/incoming-event.ts';
import type { EventStatus, Verdict } from '../../src/event/verdict.ts';
import type { AcceptEvents } from '../../src/gate/accept/accept-events.ts';
import type { Arrival } from '../../src/gate/accept/arrival.ts';
import { createAuthenticate } from '../../src/gate/intake/authenticate.ts';
import type { GateContext } from '../../src/gate/gate-context.ts';
import type { IncomingBatch } from '../../src/gate/decode/incoming-batch.ts';
import { createCallers } from '../../src/gate/intake/callers.ts';
import { createAllowances } from '../../src/gate/limits/allowances.ts';
import { createLocalLimiter } from '../../src/gate/limits/source-limiter.ts';
import { createBodyReader } from '../../src/gate/intake/read-body.ts';
import type { Signals } from '../../src/observability/signals.ts';

export const writeKey = 'hg_differential';

/** Event names that the fake treats specially. */
export const specialNames = {
  slow: 'report_delayed',
  overloaded: 'gate_overloaded',
  fault: 'gate_broken',
} as const;

export const slowMs = 400;

export const limits: Limits = {
  requestBytesMax: 64 * 1024,
  batchEventsMax: 5,
  eventBytesMax: 64 * 1024,
  inFlightEventsMax: 10_000,
  requestTimeoutMs: 3_000,
  idleTimeoutMs: 30_000,
  connectionsMax: 1000,
};

export interface FakeContext {
  readonly context: GateContext;
  /** `<rpc> <protocol> <code>` of every answered request. */
  readonly answered: string[];
  close(): void;
}

/** Verdicts that depend only on the fields that a decoder fills, and on all of them. */
export function createFakeContext(): FakeContext {
  const answered: string[] = [];
  const bodies = createBodyReader(limits);
  const callers = createCallers({ ...limits, auth: 'keys', trustedProxies: [], limited: () => {} });
  const signals = {
    requestAnswered: (rpc: string, protocol: string, code: number) =>
      answered.push(`${rpc} ${protocol} ${code}`),
    requestFailed: () => {},
  } as unknown as Signals;
  const key = { source: 'checkout', hash: hashWriteKey(writeKey), events: [] };
  return {
    context: {
      authenticate: createAuthenticate('keys', [key]),
      accept,
      bodies,
      callers,
      limiter: createLocalLimiter(createAllowances()),
      turns: { run: (_bytes, work) => work() },
      limits,
      signals,
      contracts: () => ({ revision: '', headerJson: '{}', events: [], isSuspended: false }),
      limitsOf: () => undefined,
    },
    answered,
    close: () => {
      bodies.close();
      callers.close();
    },
  };
}

const accept: AcceptEvents = (batch, arrival, onVerdicts, onError) => {
  validateAll(batch, arrival).then(onVerdicts, onError);
};

async function validateAll(batch: IncomingBatch, arrival: Arrival): Promise<Verdict[]> {
  const names = batch.events.map((event) => event.eventName);
  if (names.includes(specialNames.slow)) await sleep(slowMs);
  if (names.includes(specialNames.overloaded)) {
    throw new ServiceError('overloaded', 'Too much – at once.', { retryAfterMs: 1500 });
  }
  if (names.includes(specialNames.fault)) throw new TypeError('a fault of ours');
  const shared = [batch.context, batch.sentAt, batch.validateOnly, arrival.producer.source];
  return batch.events.map((event, index) => verdictOf(event, index, shared));
}

function verdictOf(event: IncomingEvent, index: number, shared: unknown[]): Verdict {
  // What is known of their texts depends on the form in which they came.
  const { original: _original, propertiesText: _text, written: _written, ...fields } = event;
  const digest = createHash('sha1')
    .update(JSON.stringify(sorted(withDoubles([fields, shared]))))
    .digest();
  const rejected = event.fault !== undefined || digest[0]! < 50;
  const status: EventStatus = rejected
    ? 'rejected'
    : digest[0]! < 80
      ? 'retry'
      : digest[0]! < 110
        ? 'duplicate'
        : 'accepted';
  const violations = [
    { path: '/properties/größe', code: 'required', message: 'is missing: “größe”' },
  ];
  const error =
    status === 'retry'
      ? { code: 'not_stored', message: 'Not stored: the log is away.', violations: [] }
      : { code: 'schema_violation', message: 'It breaks its schema. 100 % of it.', violations };
  return {
    index,
    idempotencyKey: event.idempotencyKey,
    eventId: digest.toString('hex', 0, 16),
    status,
    timestampMs: 1_750_000_000_000 + digest.readUInt16BE(1),
    schemaVersion: digest[3]! % 3,
    sequence: status === 'rejected' || status === 'retry' ? 0 : digest.readUIntBE(4, 6),
    error: status === 'rejected' ? (event.fault ?? error) : status === 'retry' ? error : undefined,
    warnings: digest[10]! < 60 ? [{ code: 'schema_warning', message: 'odd', violations }] : [],
  };
}

/** Numbers that a double cannot hold are texts in a context; the stock router has doubles only. */
function withDoubles(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

/** Sorts names: protocol buffers do not keep the order of a map. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.entries(value)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, member]) => [name, sorted(member)]);
}
