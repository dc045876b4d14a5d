import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import type { DeadLetter } from '../../gen/headgate/v1/dead_letter_pb.ts';
import type { DestinationConfig, RetryPolicy } from '../../src/config/config.ts';
import { createAdvisoryCollector } from '../../src/dead-letters/collect-advisories.ts';
import { readDeadLetter } from '../../src/dead-letters/dead-letter-entry.ts';
import { createDeadLetterWriter } from '../../src/dead-letters/write-dead-letter.ts';
import type { ProbeIntervals } from '../../src/delivery/parking.ts';
import { createDeliveryWorker, type DeliveryWorker } from '../../src/delivery/worker.ts';
import {
  delivered,
  type Delivery,
  type Destination,
  type Outcome,
} from '../../src/destinations/destination.ts';
import type { DeliveryAttempt, GiveUp } from '../../src/event/delivery-attempt.ts';
import type { Log } from '../../src/jetstream/log.ts';
import { readMatching } from '../../src/jetstream/read/read.ts';
import { openPull, type Pull } from '../../src/jetstream/consume/pull.ts';
import { ensureDestinationConsumer } from '../../src/jetstream/consume/destination-consumer.ts';
import type { StreamName } from '../../src/jetstream/topology.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { createMetrics, type Metrics } from '../../src/observability/metrics.ts';
import { createSignals, type Signals } from '../../src/observability/signals.ts';
import { deadLetterMessage } from '../../src/operators/dead-letters/dead-letter-message.ts';
import { natsStream } from '../nats-stream.ts';

/** Signals with readable counters and without log output. */
export function createTestSignals(): { metrics: Metrics; signals: Signals } {
  const metrics = createMetrics({
    sources: ['shop'],
    eventNames: ['order_completed'],
    destinations: ['crm', 'warehouse'],
  });
  return { metrics, signals: createSignals(metrics, createLogger('silent')) };
}

export interface RecordingDestination extends Destination {
  readonly seen: { eventId: string; attempt: number; atMs: number; sequence: number }[];
  readonly batchSizes: number[];
  /** The highest number of calls that ran at once. */
  readonly together: () => number;
}

/** A destination that records its events, and returns the outcomes that the test chooses. */
export function recording(
  answer: (delivery: Delivery, signal: AbortSignal) => Outcome | Promise<Outcome> = () => delivered,
  limits: { batchEventsMax?: number; concurrency?: number } = {},
): RecordingDestination {
  const seen: RecordingDestination['seen'] = [];
  const batchSizes: number[] = [];
  let running = 0;
  let most = 0;
  return {
    batchEventsMax: limits.batchEventsMax ?? 100,
    concurrency: limits.concurrency ?? 1,
    seen,
    batchSizes,
    together: () => most,
    deliver: async (batch, signal) => {
      running += 1;
      most = Math.max(most, running);
      batchSizes.push(batch.length);
      for (const { event, attempt, sequence } of batch) {
        seen.push({ eventId: idOf(event), attempt, atMs: performance.now(), sequence });
      }
      try {
        return await Promise.all(batch.map((delivery) => answer(delivery, signal)));
      } finally {
        running -= 1;
      }
    },
    close: async () => {},
  };
}

function idOf(event: Delivery['event']): string {
  try {
    return event().eventId;
  } catch {
    return 'unreadable';
  }
}

export function destinationConfig(
  overrides: Partial<DestinationConfig> & { retry?: RetryPolicy } = {},
): DestinationConfig {
  return {
    name: 'crm',
    type: 'test',
    events: [],
    sources: [],
    retry: { attempts: 3, baseMs: 1, capMs: 1 },
    ackWaitMs: 2_000,
    whenFull: 'aside',
    settings: {},
    ...overrides,
  };
}

/** Publishes events and returns their ids. */
export async function publishEvents(
  log: Log,
  count: number,
  options: { eventName?: string; properties?: string } = {},
): Promise<string[]> {
  const eventName = options.eventName ?? 'order_completed';
  const ids = Array.from({ length: count }, () => randomUUID());
  await Promise.all(
    ids.map((eventId) =>
      log.store(
        'EVENTS',
        `headgate.events.0.shop.${eventName}`,
        {
          'Nats-Msg-Id': `shop:${eventId}`,
          'Headgate-Correlation-Id': `c-${eventId}`,
          traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
        },
        `{"eventId":"${eventId}","eventName":"${eventName}","source":"shop",` +
          `"timestamp":"2026-01-02T03:04:05.678Z","userId":"u1","idempotencyKey":"${eventId}",` +
          `"properties":${options.properties ?? '{"total":12.5}'}}`,
      ),
    ),
  );
  return ids;
}

export interface WorkerParts {
  readonly config?: DestinationConfig;
  readonly giveUp?: GiveUp;
  readonly signals?: Signals;
  readonly stopGraceMs?: number;
  readonly probes?: ProbeIntervals;
  readonly besideIntake?: boolean;
}

/** A running worker. The test stops it, or the end of its log does. */
export async function startWorker(
  log: Log,
  destination: Destination,
  parts: WorkerParts = {},
): Promise<DeliveryWorker> {
  const signals = parts.signals ?? createTestSignals().signals;
  const worker = createDeliveryWorker({
    destinationConfig: parts.config ?? destinationConfig(),
    destination,
    log,
    signals,
    giveUp: parts.giveUp ?? createDeadLetterWriter({ log, signals }),
    heldBytesMax: 64 * 1024 * 1024,
    stopGraceMs: parts.stopGraceMs ?? 1_000,
    besideIntake: parts.besideIntake ?? false,
    probes: parts.probes ?? { baseMs: 20, capMs: 200 },
  });
  await worker.start();
  return worker;
}

/** Waits until the assertion holds; fails with its last error. */
export async function until<Value>(
  read: () => Value | Promise<Value>,
  holds: (value: Value) => boolean,
  timeoutMs = 8_000,
): Promise<Value> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await read();
    if (holds(value)) return value;
    if (performance.now() > deadline) {
      throw new Error(`it did not come to hold; last: ${JSON.stringify(value)}`);
    }
    await sleep(20);
  }
}

/** Waits until a consumer has settled everything. */
export async function settled(
  log: Log,
  consumer = 'crm',
  stream: StreamName = 'EVENTS',
  timeoutMs?: number,
): Promise<void> {
  await until(
    () => unsettled(log, consumer, stream),
    (count) => count === 0,
    timeoutMs,
  );
}

/** Creates dead letters of `crm` from new events, and returns their ids. */
export async function makeDead(
  log: Log,
  count: number,
  options: { reason?: string; eventName?: string; properties?: string } = {},
): Promise<string[]> {
  const ids = await publishEvents(log, count, options);
  const outcome: Outcome = { kind: 'dead', reason: options.reason ?? 'never' };
  const worker = await startWorker(
    log,
    recording(() => outcome),
  );
  await settled(log);
  await worker.stop();
  return ids;
}

/**
 * Pulls events of `crm` and never settles the chosen ones, like a worker that crashes on them.
 */
export async function crashOn(log: Log, sequences: readonly number[], attempts = 2): Promise<Pull> {
  await ensureDestinationConsumer(log, 'EVENTS', 'crm', {
    attempts,
    ackWaitMs: 200,
    ackPendingMax: 100,
  });
  return openPull({
    log,
    stream: 'EVENTS',
    consumer: 'crm',
    messagesMax: 100,
    onMessage: (message) => {
      if (!sequences.includes(message.sequence)) message.ack();
    },
    onTrouble: () => {},
  });
}

/**
 * Publishes ten events to `crm`, all settled but the second, which the log has given up: the ack floor is
 * past it.
 */
export async function giveUpSecond(log: Log): Promise<Pull> {
  await publishEvents(log, 5);
  const pull = await crashOn(log, [2], 1);
  await until(
    () => countMessages(log, 'ADVISORIES'),
    (count) => count === 1,
  );
  // More acks, so that the ack floor moves past the event that was given up.
  await publishEvents(log, 5);
  await settled(log);
  return pull;
}

/** A running collector of advisories, and its dead-letter writer. */
export async function startCollector(log: Log, destinations = ['crm']) {
  const { signals } = createTestSignals();
  const write = createDeadLetterWriter({ log, signals });
  const collector = createAdvisoryCollector({ log, signals, destinations, write, retryMs: 200 });
  await collector.start();
  return { collector, write };
}

export async function readDead(log: Log, subject = 'headgate.dead.>'): Promise<DeadLetter[]> {
  const letters: DeadLetter[] = [];
  for await (const { payload } of readMatching(log, 'DEAD', subject)) {
    letters.push(deadLetterMessage(readDeadLetter(payload)));
  }
  return letters;
}

/** Every entry about a destination in ATTEMPTS, oldest first. */
export async function readAttempts(log: Log, destination = 'crm'): Promise<DeliveryAttempt[]> {
  const attempts: DeliveryAttempt[] = [];
  const subject = `headgate.attempts.${destination}.*`;
  for await (const { payload } of readMatching(log, 'ATTEMPTS', subject)) {
    attempts.push(JSON.parse(Buffer.from(payload).toString()) as DeliveryAttempt);
  }
  return attempts;
}

export async function countMessages(log: Log, stream: StreamName): Promise<number> {
  return (await clientsForTests(log).manager.streams.info(natsStream(stream))).state.messages;
}

/** The number of unsettled events of a consumer. */
export async function unsettled(log: Log, consumer = 'crm', stream: StreamName = 'EVENTS') {
  const info = await clientsForTests(log).manager.consumers.info(natsStream(stream), consumer);
  return info.num_pending + info.num_ack_pending;
}
