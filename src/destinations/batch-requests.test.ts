import { describe, expect, test } from 'vitest';
import { deliverInRequests, type BatchRequests, type RequestOutcome } from './batch-requests.ts';
import type { Delivery, Outcome } from './destination.ts';

interface Message {
  readonly name: string;
  readonly bytes: number;
}

const done: Outcome = { kind: 'delivered' };
const bad: Outcome = { kind: 'dead', reason: 'bad' };
const down: Outcome = { kind: 'retry', fault: 'destination', reason: 'down' };
const never = new AbortController().signal;

/** Each payload is the name of its message; the requests that went out are kept. */
function requestsOf(
  send: (names: readonly string[]) => RequestOutcome,
  limits: Partial<BatchRequests<Message>> = {},
) {
  const sent: string[] = [];
  const requests: BatchRequests<Message> = {
    requestBytesMax: 1_000,
    requestEventsMax: 1_000,
    read: ({ payload }) => {
      const name = Buffer.from(payload).toString();
      return name === 'none' ? 'it is none' : { name, bytes: name.length };
    },
    send: async (messages) => {
      const names = messages.map(({ name }) => name);
      sent.push(names.join(''));
      return send(names);
    },
    ...limits,
  };
  const run = (names: readonly string[]): Promise<Outcome[]> =>
    deliverInRequests(
      requests,
      names.map((name) => ({ payload: Buffer.from(name) }) as unknown as Delivery),
      never,
    );
  return { sent, run };
}

const letters = (text: string): string[] => [...text];

describe('deliverInRequests', () => {
  test('cuts by count and by bytes, and sends a larger one alone', async () => {
    const byCount = requestsOf(() => done, { requestEventsMax: 2 });
    expect(await byCount.run(letters('abcde'))).toEqual(letters('abcde').map(() => done));
    expect(byCount.sent).toEqual(['ab', 'cd', 'e']);
    const byBytes = requestsOf(() => done, { requestBytesMax: 3 });
    await byBytes.run(['a', 'bb', 'c', 'dddd', 'e']);
    expect(byBytes.sent).toEqual(['abb', 'c', 'dddd', 'e']);
  });

  test('an event that is not a message is a dead letter at its index, and is not sent', async () => {
    const { run, sent } = requestsOf(() => done);
    expect(await run(['a', 'none', 'b'])).toEqual([
      done,
      { kind: 'dead', reason: 'it is none' },
      done,
    ]);
    expect(sent).toEqual(['ab']);
    expect(await requestsOf(() => done).run([])).toEqual([]);
  });

  test('a refusal of the whole is cut down to the bad ones', async () => {
    const { run, sent } = requestsOf((names) => (names.includes('x') ? bad : done));
    expect(await run(letters('abxdefgx'))).toEqual([done, done, bad, done, done, done, done, bad]);
    expect(sent.length).toBeLessThanOrEqual(2 * 8 - 1);
  });

  test('where all are bad, there are at most twice as many requests as events', async () => {
    const { run, sent } = requestsOf(() => bad);
    const names = Array.from({ length: 1_000 }, () => 'x');
    expect(await run(names)).toEqual(names.map(() => bad));
    expect(sent).toHaveLength(2 * 1_000 - 1);
  });

  test('a failure of the destination ends the batch, and delivered events stay delivered', async () => {
    const { run, sent } = requestsOf((names) => (names.includes('c') ? down : done), {
      requestEventsMax: 2,
    });
    expect(await run(letters('abcdef'))).toEqual([done, done, down, down, down, down]);
    expect(sent).toEqual(['ab', 'cd']);
  });

  test('a fault while it is cut in two ends it as well', async () => {
    const { run, sent } = requestsOf((names) => (names.length > 2 ? bad : down));
    expect(await run(letters('abcd'))).toEqual([down, down, down, down]);
    expect(sent).toEqual(['abcd', 'ab']);
  });

  test('one outcome per message is used as it is, and unclear messages are sent again', async () => {
    const { run, sent } = requestsOf((names) =>
      names.map((name) => {
        if (name === 'a') return done;
        if (names.length === 1) return name === 'x' ? bad : done;
        return 'unclear';
      }),
    );
    expect(await run(letters('axbc'))).toEqual([done, bad, done, done]);
    expect(sent).toEqual(['axbc', 'xbc', 'xb', 'x', 'b', 'c']);
  });
});
