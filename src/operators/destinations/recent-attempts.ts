import { timestampFromMs } from '@bufbuild/protobuf/wkt';

import { eventNameOf, type DeliveryAttempt } from '../../event/delivery-attempt.ts';
import type { Log } from '../../jetstream/log.ts';
import { boundsOf, readMatching, readMessage } from '../../jetstream/read/read.ts';
import { subjects } from '../../jetstream/topology.ts';

/** How many entries of ATTEMPTS are looked through: those of other destinations lie between. */
const firstWindow = 2_000;
const windowMax = 128_000;

const decoder = new TextDecoder();

/**
 * The last failed attempts at events of a destination, the newest first, as RecentAttempt. Rejects when
 * the log cannot be reached.
 */
export async function readRecentAttempts(log: Log, destination: string, countMax: number) {
  const attempts = await readLast(log, destination, countMax);
  return Promise.all(
    attempts.map(async (attempt) => ({
      startedAt: timestampFromMs(Date.parse(attempt.startedAt)),
      sequence: BigInt(attempt.sequence),
      eventId: attempt.eventId,
      eventName: await readName(log, attempt),
      attempt: attempt.attempt,
      durationMs: attempt.durationMs,
      status: attempt.status,
      error: attempt.error,
    })),
  );
}

/** Looks at the end of the stream first, and further back while it finds too few. */
async function readLast(
  log: Log,
  destination: string,
  countMax: number,
): Promise<DeliveryAttempt[]> {
  const { first, last } = await boundsOf(log, 'ATTEMPTS');
  for (let window = firstWindow; ; window *= 4) {
    const from = Math.max(first, last - window + 1);
    // An attempt that was charged later has two records: the later one counts.
    const found = new Map<string, DeliveryAttempt>();
    const subject = subjects.attemptsOf(destination);
    for await (const { payload } of readMatching(log, 'ATTEMPTS', subject, from)) {
      const one = JSON.parse(decoder.decode(payload)) as DeliveryAttempt;
      found.set(`${one.stream} ${one.sequence} ${one.startedAt} ${one.attempt}`, one);
    }
    if (found.size >= countMax || from === first || window >= windowMax) {
      return [...found.values()].slice(-countMax).toReversed();
    }
  }
}

/** Empty if the event is gone, or is a copy in REPLAY that is gone. */
async function readName(log: Log, { stream, sequence }: DeliveryAttempt): Promise<string> {
  const message = await readMessage(log, stream, Number(sequence));
  return message === undefined ? '' : eventNameOf(message.subject);
}
