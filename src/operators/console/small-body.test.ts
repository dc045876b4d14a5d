import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import type { BodySink, HttpCall } from '../../http/http-call.ts';
import { readSmallBody, smallBodyBytesMax, type SmallBody } from './small-body.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function reading(contentLength?: number) {
  const ends: SmallBody[] = [];
  let sink: BodySink | undefined;
  const headers = contentLength === undefined ? {} : { 'content-length': String(contentLength) };
  const call = { headers, receive: (to: BodySink) => (sink = to) };
  readSmallBody(call as unknown as HttpCall, (body) => ends.push(body));
  return { ends, sink: () => sink! };
}

test('a body of the limit is read, whatever its pieces', () => {
  const { ends, sink } = reading();
  sink().chunk(Buffer.alloc(smallBodyBytesMax - 1, 'a'));
  sink().chunk(Buffer.from('b'));
  sink().end();
  sink().cut();
  expect(ends).toEqual([{ kind: 'whole', text: `${'a'.repeat(smallBodyBytesMax - 1)}b` }]);
});

test('one byte more is refused, announced or not', () => {
  const { ends, sink } = reading();
  sink().chunk(Buffer.alloc(smallBodyBytesMax + 1));
  sink().end();
  expect(ends).toEqual([{ kind: 'too large' }]);
  const announced = reading(smallBodyBytesMax + 1);
  expect([announced.ends, announced.sink()]).toEqual([[{ kind: 'too large' }], undefined]);
});

test('a body that does not end within ten seconds is refused, and one that is cut is nothing', () => {
  const slow = reading();
  vi.advanceTimersByTime(9_999);
  expect(slow.ends).toEqual([]);
  vi.advanceTimersByTime(1);
  slow.sink().end();
  expect(slow.ends).toEqual([{ kind: 'too slow' }]);
  const gone = reading();
  gone.sink().cut();
  vi.advanceTimersByTime(20_000);
  expect(gone.ends).toEqual([{ kind: 'gone' }]);
});
