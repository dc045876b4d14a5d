import { onTestFinished, vi } from 'vitest';

import { EventEncoder } from '../encode-event.ts';
import { identityOf } from '../event-json.ts';
import { MemorySpool } from '../spool/memory-spool.ts';
import type { Answer, Verdict } from '../transport/transport.ts';
import { options as fastOptions } from './sender-options.fixture.ts';
import type { SenderOptions } from './sender-signals.ts';
import { Sender } from './sender.ts';

export const accepted: Verdict = { status: 'accepted', eventId: 'id', error: undefined };

/** As in a program, in fake time. */
const options = {
  ...fastOptions,
  lingerMs: 20,
  backoffBaseMs: 200,
  backoffCapMs: 30_000,
  failuresMax: 5,
  refusalGapMs: 3_000,
};

/**
 * A sender in fake time. A request takes 5 ms.
 *
 * @param answer to a request with events of these names.
 */
export function startSender(
  answer: (names: string[]) => Answer,
  overrides: Partial<SenderOptions> = {},
) {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const run = {
    counts: { accepted: 0, rejected: 0, requests: 0, moved: 0 },
    messages: [] as string[],
    track: (eventName: string, count: number, text = ''): void => {
      const event = { eventName, userId: 'u', properties: { text } };
      for (let number = 0; number < count; number += 1) {
        void spool.append(encoder.encode(event), undefined);
      }
    },
    pass: (ms: number) => vi.advanceTimersByTimeAsync(ms),
  };
  const encoder = new EventEncoder({ context: undefined, eventBytesMax: 1_000_000 });
  const spool = new MemorySpool(
    { bytesMax: 100_000_000, whenFull: 'reject' },
    { dropped: () => {}, damaged: () => {}, trouble: () => {}, readable: () => sender.wake() },
  );
  const transport = {
    overheadBytes: 1,
    send: async (records: readonly Buffer[]): Promise<Answer> => {
      run.counts.requests += 1;
      await new Promise((resolve) => {
        setTimeout(resolve, 5);
      });
      return answer(records.map((record) => identityOf(record).eventName));
    },
    close: () => {},
  };
  const sender: Sender = new Sender(
    spool,
    transport,
    { ...options, ...overrides },
    {
      settled: ({ accepted, rejected }) => {
        run.counts.accepted += accepted;
        run.counts.rejected += rejected;
      },
      moved: (count) => void (run.counts.moved += count),
      request: () => {},
      rejected: async () => {},
      trouble: (message) => run.messages.push(message),
      recovered: () => run.messages.push('recovered'),
    },
  );
  onTestFinished(() => sender.stop());
  sender.start();
  return { ...run, spool };
}

/** The verdicts on events of these names. */
export function verdictsOn(names: string[], verdictOn: (name: string) => Verdict): Answer {
  return { kind: 'verdicts', verdicts: names.map(verdictOn), afterMs: 0 };
}
