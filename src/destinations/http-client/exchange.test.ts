import type { Dispatcher } from 'undici';
import { afterEach, expect, test, vi } from 'vitest';

import { exchange, type ExchangeEnd } from './exchange.ts';

afterEach(() => void vi.useRealTimers());

/** A dispatcher whose connection is the test. */
function begin(signal: AbortSignal = new AbortController().signal) {
  const sent: Required<Dispatcher.DispatchHandler>[] = [];
  const abort = vi.fn<(reason: Error) => void>();
  const controller = { abort } as unknown as Dispatcher.DispatchController;
  const dispatch = (_request: unknown, handler: Dispatcher.DispatchHandler): boolean =>
    sent.push(handler as Required<Dispatcher.DispatchHandler>) > 0;
  const end = exchange(
    { dispatch } as unknown as Dispatcher,
    { method: 'POST', path: '/' },
    {
      timeoutMs: 1_000,
      answerBytesMax: 8,
      signal,
    },
  );
  return { sent, abort, controller, end, handler: () => sent[0]! };
}

const cutOf = (end: ExchangeEnd): string | undefined =>
  end.kind === 'answered' ? end.answer.cut?.message : '-';
const textOf = (end: ExchangeEnd): string => (end.kind === 'answered' ? end.answer.text : '-');

test('reads the answer after an interim one', async () => {
  const { controller, end, handler } = begin();
  handler().onRequestStart(controller, null);
  handler().onResponseStart(controller, 103, { link: '</a>' });
  handler().onResponseStart(controller, 202, { date: 'now' });
  handler().onResponseData(controller, Buffer.from('to'));
  handler().onResponseData(controller, Buffer.from('day'));
  handler().onResponseEnd(controller, {});
  const answer = { status: 202, headers: { date: 'now' }, text: 'today', cut: undefined };
  expect(await end).toStrictEqual({ kind: 'answered', answer });
});

test('reads so many bytes of a body, and closes the connection at its limit', async () => {
  const { controller, end, handler, abort } = begin();
  handler().onRequestStart(controller, null);
  handler().onResponseStart(controller, 500, {});
  handler().onResponseData(controller, Buffer.from('1234567'));
  expect(abort).not.toHaveBeenCalled();
  handler().onResponseData(controller, Buffer.from('89'));
  expect(abort).toHaveBeenCalledOnce();
  expect(textOf(await end)).toBe('12345678');
  expect(cutOf(await end)).toBe('the answer is too long');
});

test('a body that breaks off does not take the status back, and says that it is not whole', async () => {
  const { controller, end, handler } = begin();
  handler().onRequestStart(controller, null);
  handler().onResponseStart(controller, 200, {});
  handler().onResponseData(controller, Buffer.from('half'));
  handler().onResponseError(controller, new Error('reset'));
  expect(textOf(await end)).toBe('half');
  expect(cutOf(await end)).toBe('reset');
});

test('an error before the status is its cause, also after an interim answer', async () => {
  const { controller, end, handler } = begin();
  handler().onRequestStart(controller, null);
  handler().onResponseStart(controller, 103, {});
  const cause = new Error('refused');
  handler().onResponseError(controller, cause);
  expect(await end).toEqual({ kind: 'unanswered', cause });
});

test('a request that waits too long for a connection ends, and is never sent', async () => {
  vi.useFakeTimers();
  const { controller, end, handler, abort } = begin();
  vi.advanceTimersByTime(1_000);
  const cause = expect.objectContaining({ message: 'no answer within 1000 ms' });
  expect(await end).toEqual({ kind: 'unanswered', cause });
  handler().onRequestStart(controller, null);
  expect(abort).toHaveBeenCalledOnce();
});

test('a stop ends a request that is under way, and sends none that was not', async () => {
  const stop = new AbortController();
  const { controller, end, handler, abort } = begin(stop.signal);
  handler().onRequestStart(controller, null);
  stop.abort();
  expect(abort).toHaveBeenCalledOnce();
  const cause = expect.objectContaining({ message: 'the delivery was stopped' });
  expect(await end).toEqual({ kind: 'unanswered', cause });

  const late = begin(stop.signal);
  expect(late.sent).toEqual([]);
  expect(await late.end).toEqual({ kind: 'unanswered', cause });
});
