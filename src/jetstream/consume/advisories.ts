import { AckPolicy, DeliverPolicy, type ConsumerConfig } from '@nats-io/jetstream';

import type { DeliveredStream } from '../../event/delivery-attempt.ts';
import { isJsonObject } from '../../event/json/json.ts';
import { clientsOf } from '../clients.ts';
import { eventPosition, partitionOf, sequenceIn } from '../events/event-position.ts';
import { otherStream, type StreamPart } from '../events/stream-parts.ts';
import type { Log } from '../log.ts';
import { readMatching, readNextOfLeader, type StoredMessage } from '../read/read.ts';
import { earlierStream } from '../topology.ts';
import { positionOf } from './consumer-position.ts';
import { ensureConsumer } from './ensure-consumer.ts';
import { openPull, type Pull, type PullOptions } from './pull.ts';

/** NATS gave up on a message: it reached its delivery limit, or its delivery was terminated. */
export interface Advisory {
  readonly stream: DeliveredStream;
  readonly destination: string;
  /** The position of the message in its stream. */
  readonly sequence: number;
  /** The reason, as text for operators. */
  readonly reason: string;
}

const secondNs = 1_000_000_000;

/** The consumer that turns advisories into dead letters. */
const collectorName = 'dead-letters';
const unackedAdvisoriesMax = 256;

const collectorSettings: Partial<ConsumerConfig> = {
  durable_name: collectorName,
  ack_policy: AckPolicy.Explicit,
  deliver_policy: DeliverPolicy.All,
  ack_wait: 30 * secondNs,
  max_ack_pending: unackedAdvisoriesMax,
};

/**
 * Pulls the messages of ADVISORIES. Each is delivered until it is acked; `readAdvisory` reads its
 * payload. Creates the durable consumer that all gates share. Rejects when the log cannot be
 * reached.
 */
export async function openAdvisoryPull(
  options: Pick<PullOptions, 'log' | 'onMessage' | 'onTrouble'>,
): Promise<Pull> {
  await ensureConsumer(clientsOf(options.log).manager, 'ADVISORIES', collectorSettings);
  return openPull({
    ...options,
    stream: 'ADVISORIES',
    consumer: collectorName,
    messagesMax: unackedAdvisoriesMax,
  });
}

const decoder = new TextDecoder();

/** Undefined if the advisory is not about an event for a destination. */
export function readAdvisory(payload: Uint8Array): Advisory | undefined {
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(payload));
  } catch {
    return undefined;
  }
  if (!isJsonObject(value)) return undefined;
  const { stream, consumer, stream_seq: sequence, deliveries, type, reason } = value;
  if (typeof consumer !== 'string' || typeof sequence !== 'number') return undefined;
  const place = placeOf(stream, sequence);
  if (place === undefined) return undefined;
  return {
    ...place,
    destination: consumer,
    reason: String(type).endsWith('terminated')
      ? `the delivery was terminated: ${String(reason ?? 'no reason given')}`
      : `delivered ${String(deliveries)} times and never settled: its worker crashed or hung`,
  };
}

/** The log's stream and the position of a message, by the stream of NATS and the sequence. */
function placeOf(
  stream: unknown,
  sequence: number,
): Pick<Advisory, 'stream' | 'sequence'> | undefined {
  if (stream === 'REPLAY') return { stream, sequence };
  if (stream === earlierStream) return { stream: 'EVENTS', sequence };
  const partition = /^EVENTS_(\d{1,3})$/.exec(String(stream))?.[1];
  if (partition === undefined) return undefined;
  return { stream: 'EVENTS', sequence: eventPosition(Number(partition), sequence) };
}

/**
 * The sequence of the first message of a partition that NATS gave up on and whose dead letter is not
 * stored yet. No consumer still waits for this message, but the collector must read it. Infinity if
 * no such message exists. Rejects when the log cannot be read.
 */
export async function firstGivenUp(
  log: Log,
  stream: string,
  { partition }: StreamPart,
): Promise<number> {
  const { consumers } = clientsOf(log).manager;
  const part = otherStream('ADVISORIES');
  const info = await consumers.info('ADVISORIES', collectorName).catch(() => undefined);
  let next = info === undefined ? 1 : positionOf(info, part).settledUpTo + 1;
  let first = Number.POSITIVE_INFINITY;
  const note = ({ sequence, payload }: StoredMessage): void => {
    next = sequence + 1;
    const advisory = readAdvisory(payload);
    if (advisory?.stream !== stream || partitionOf(advisory.sequence) !== partition) return;
    first = Math.min(first, sequenceIn(advisory.sequence));
  };
  for await (const message of readMatching(log, 'ADVISORIES', '>', next)) note(message);
  // The replica that answered may lack the last ones, and the counts of the consumer, too.
  for (;;) {
    const message = await readNextOfLeader(log, part, next, '>');
    if (message === undefined) return first;
    note(message);
  }
}
