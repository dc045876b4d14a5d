import { timestampMs, type Timestamp } from '@bufbuild/protobuf/wkt';

import type { DeadLetter } from '../../../gen/headgate/v1/dead_letter_pb.ts';
import {
  DestinationFate_State as State,
  type DestinationFate,
  type LocatedEvent,
  type StoredLocation,
} from '../../../gen/headgate/v1/event_service_pb.ts';
import type { RejectedEvent } from '../../../gen/headgate/v1/rejected_event_pb.ts';
import { positionText } from '../../jetstream/events/event-position.ts';
import { timeOfNanos } from '../../event/time/time-text.ts';
import { oneLine } from '../terminal/print.ts';

type Row = readonly [what: string, when: string, since: string, text: string];

/** The text about one event for a person: one line per step, with the times between them. */
export function traceText({ place }: LocatedEvent, nowMs: number): string {
  if (place.case === 'stored') return storedText(place.value, nowMs);
  if (place.case === 'deadLetter') return deadText(place.value);
  return place.case === 'rejected' ? rejectedText(place.value) : '';
}

function storedText(event: StoredLocation, nowMs: number): string {
  const { occurredAt, sentAt, receivedAt, storedAt, schemaVersion, warningCodes } = event;
  const received = msOf(receivedAt);
  const warnings = warningCodes.length === 0 ? '' : `, with warnings: ${warningCodes.join(', ')}`;
  const version = schemaVersion === 0 ? 'no schema' : `schema version ${schemaVersion}`;
  const rows: Row[] = [];
  if (occurredAt !== undefined)
    rows.push(['occurred', time(occurredAt), '', "by the producer's clock"]);
  if (sentAt !== undefined) rows.push(['sent', time(sentAt), '', "by the producer's clock"]);
  if (event.takenAt !== undefined) {
    rows.push(['taken', time(event.takenAt), '', `by the relay ${event.relay}`]);
  }
  rows.push(['accepted', time(receivedAt), '', `${version}${warnings}`]);
  rows.push([
    'stored',
    time(storedAt),
    since(msOf(storedAt), received),
    logPosition(event.sequence),
  ]);
  for (const fate of event.destinations) rows.push(...fateRows(fate, received, nowMs));
  const door = event.door === '' ? '' : ` by ${event.door}`;
  const relay = event.relay === '' ? '' : ` through the relay ${event.relay}`;
  const head = [
    `${event.eventName} ${event.eventId}`,
    `  from ${event.source}${door}${relay}, idempotency key ${event.idempotencyKey}, correlation id ${event.correlationId}`,
  ];
  return [...head, ...lined(rows)].join('\n');
}

function rejectedText(event: RejectedEvent): string {
  const { error, replay } = event;
  const rows: Row[] = [
    ['rejected', time(event.receivedAt), '', `${error?.code ?? ''}: ${error?.message ?? ''}`],
    [
      'kept',
      '',
      '',
      `as rejected event ${event.sequence}: headgate rejected show ${event.sequence}`,
    ],
  ];
  for (const { path, message } of (error?.violations ?? []).slice(0, violationsMax)) {
    rows.push(['', '', '', `${path} ${message}`]);
  }
  if (replay !== undefined) {
    const stored = replay.sequence === 0n ? 'it was rejected again' : logPosition(replay.sequence);
    rows.push([
      'replayed',
      time(replay.replayedAt),
      since(msOf(replay.replayedAt), msOf(event.receivedAt)),
      stored,
    ]);
  }
  const head = [
    `${oneLine(event.eventName)} rejected`,
    `  from ${event.source} by ${event.door}, idempotency key ${oneLine(event.idempotencyKey)}, correlation id ${event.correlationId}`,
  ];
  return [...head, ...lined(rows)].join('\n');
}

/** The event itself has left the log. */
function deadText({ id, destination, event, reason, deadAt }: DeadLetter): string {
  const received = event?.timestamp;
  const rows: Row[] = [
    ['accepted', time(received), '', ''],
    [
      destination,
      time(deadAt),
      since(msOf(deadAt), msOf(received)),
      `dead: ${reason}; headgate dead show ${id}`,
    ],
  ];
  const head = [
    `${oneLine(event?.eventName ?? '')} ${event?.eventId ?? ''}`,
    `  from ${event?.source ?? ''}, idempotency key ${oneLine(event?.idempotencyKey ?? '')}; the log has deleted the event`,
  ];
  return [...head, ...lined(rows)].join('\n');
}

/** The number that responses call `sequence`. */
function logPosition(sequence: bigint): string {
  return `in the log (EVENTS), at position ${positionText(Number(sequence))}`;
}

const violationsMax = 5;
const attemptsShownMax = 5;

function fateRows(fate: DestinationFate, received: number, nowMs: number): Row[] {
  const rows: Row[] = [];
  const { destination, attempts } = fate;
  if (attempts.length > attemptsShownMax) {
    rows.push([
      destination,
      '',
      '',
      `${attempts.length - attemptsShownMax} earlier attempts failed`,
    ]);
  }
  for (const { startedAt, status, error, durationMs } of attempts.slice(-attemptsShownMax)) {
    const why = status === '' ? error : `${status}: ${error}`;
    rows.push([
      destination,
      time(startedAt),
      since(msOf(startedAt), received),
      `failed after ${durationMs} ms: ${why}`,
    ]);
  }
  if (fate.replayedAt !== undefined) {
    rows.push([
      destination,
      time(fate.replayedAt),
      since(msOf(fate.replayedAt), received),
      'replayed',
    ]);
  }
  rows.push(stateRow(fate, received, nowMs));
  if (fate.redelivered !== undefined) {
    const { id, startedAt, endedAt } = fate.redelivered;
    const until = endedAt === undefined ? '' : ` until ${time(endedAt)}`;
    const what = `sent again by redelivery ${id}, which ran from then${until}`;
    rows.push([destination, time(startedAt), since(msOf(startedAt), received), what]);
  }
  if (fate.redelivery !== undefined) {
    const { id, copiedAt, inWork, ahead } = fate.redelivery;
    const where = inWork ? 'a worker has it' : `at most ${ahead.toLocaleString('en')} ahead of it`;
    rows.push([
      destination,
      time(copiedAt),
      since(msOf(copiedAt), received),
      `waits to be sent again by redelivery ${id}: ${where}; headgate redeliver follow ${id}`,
    ]);
  }
  return rows;
}

function stateRow(fate: DestinationFate, received: number, nowMs: number): Row {
  const { destination, state, reason } = fate;
  const row = (text: string, at?: Timestamp): Row => [
    destination,
    at === undefined ? '' : time(at),
    at === undefined ? '' : since(msOf(at), received),
    text,
  ];
  const why = reason === '' ? '' : `; ${reason}`;
  const probe =
    fate.nextProbe === undefined ? '' : `; probed next in ${span(msOf(fate.nextProbe) - nowMs)}`;
  switch (state) {
    case State.WAITING:
      return row(
        `waiting: ${fate.ahead.toLocaleString('en')} ahead of it, for ${span(nowMs - received)} so far${why}${probe}`,
      );
    case State.ASIDE:
      return row(
        `aside: moved out of the full log, at most ${fate.ahead.toLocaleString('en')} ahead of it, for ${span(nowMs - received)} so far${why}${probe}`,
      );
    case State.IN_WORK:
      return row(`in work: a worker has it${why}${probe}`);
    case State.RETRYING: {
      const next =
        fate.nextAttempt === undefined ? 'soon' : `in ${span(msOf(fate.nextAttempt) - nowMs)}`;
      return row(`to be tried again ${next}${why}${probe}`);
    }
    case State.DELIVERED:
      return row(...deliveredText(fate, received));
    case State.FILTERED:
      return row('not wanted: its filter does not take this event');
    case State.BEFORE_START:
      return row('not wanted: it was stored before this destination started');
    case State.DEAD:
      return row(`dead: ${reason}; headgate dead show ${fate.deadLetterId}`, fate.endedAt);
    case State.DISCARDED:
      return row(`discarded: ${reason}`, fate.endedAt);
    case State.MISSING:
      return row(
        'missing: it was settled, and the destination says that it does not have it; see headgate reconcile',
      );
    default:
      return row(`not known${why}`);
  }
}

function deliveredText(
  { deliveredAfter: after, deliveredBy: by, asked }: DestinationFate,
  received: number,
): [text: string, at?: Timestamp] {
  const says = asked ? '; the destination says that it has it' : '';
  if (by === undefined) return [`delivered, before now${says}`];
  if (after !== undefined && msOf(after) === msOf(by)) return [`delivered${says}`, by];
  const bound = `by ${time(by)} at the latest (${since(msOf(by), received)})`;
  return [`delivered, ${bound}${says}`];
}

function lined(rows: readonly Row[]): string[] {
  const cells = rows.map((row) => row.map(oneLine));
  const widths = [0, 1, 2].map((column) => Math.max(...cells.map((row) => row[column]!.length)));
  return cells.map((row) =>
    `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd(),
  );
}

function msOf(at: Timestamp | undefined): number {
  return at === undefined ? 0 : timestampMs(at);
}

function time(at: Timestamp | undefined): string {
  if (at === undefined) return '';
  const belowMs = at.nanos % 1_000_000;
  return timeOfNanos(Number(at.seconds) * 1000 + (at.nanos - belowMs) / 1_000_000, belowMs) ?? '';
}

function since(ms: number, fromMs: number): string {
  const sign = ms < fromMs ? '-' : '+';
  return `${sign}${span(Math.abs(ms - fromMs))}`;
}

/** `3 ms`, `2.5 s`, `4 min`, `3.2 h`, `2.1 d`. */
function span(ms: number): string {
  const positive = Math.max(0, ms);
  if (positive < 1_000) return `${Math.round(positive)} ms`;
  if (positive < 120_000) return `${(positive / 1_000).toFixed(1)} s`;
  if (positive < 7_200_000) return `${Math.round(positive / 60_000)} min`;
  return positive < 172_800_000
    ? `${(positive / 3_600_000).toFixed(1)} h`
    : `${(positive / 86_400_000).toFixed(1)} d`;
}
