import { headers, type Msg, type MsgHdrs, type NatsConnection } from '@nats-io/nats-core';
import { Parser } from '@nats-io/nats-core/internal';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { logFailureOf } from '../log-failure.ts';
import { otherStream } from '../events/stream-parts.ts';
import { requestPage } from './page.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

type Callback = (error: Error | null, message: Msg) => void;

/** A page that is asked for, and what the server can answer. */
function openPage() {
  let callback: Callback = () => {};
  const published: string[] = [];
  let unsubscribed = 0;
  const parser = new Parser({
    push: () => void published.push('client'),
  });
  const connection = {
    protocol: { parser },
    subscribe: (_inbox: string, options: { readonly callback: Callback }) => {
      callback = options.callback;
      return { getID: () => 7, unsubscribe: () => void (unsubscribed += 1) };
    },
    publish: (subject: string, text: string) => void published.push(`${subject} ${text}`),
  } as unknown as NatsConnection;
  const page = requestPage(connection, {
    part: otherStream('DEAD'),
    subject: 'headgate.dead.>',
    sequence: 5,
    messagesMax: 9,
  });
  return {
    page,
    published,
    unsubscribed: () => unsubscribed,
    /** By the client, which has parsed the headers. */
    status: (code: number, text: string) =>
      callback(null, {
        subject: 'inbox',
        data: new Uint8Array(),
        headers: headers(code, text),
      } as Msg),
    parsed: (head: MsgHdrs) =>
      callback(null, {
        subject: 'inbox',
        data: Buffer.from('{}'),
        headers: head,
      } as unknown as Msg),
    fail: (error: Error) => callback(error, {} as Msg),
    /** As bytes of the connection. */
    bytes: (head: string, payload: string) => {
      const block = Buffer.from(`NATS/1.0\r\n${head}\r\n\r\n`);
      const total = block.length + payload.length;
      parser.parse(Buffer.from(`HMSG inbox 7 ${block.length} ${total}\r\n`));
      parser.parse(Buffer.concat([block, Buffer.from(`${payload}\r\n`)]));
    },
  };
}

const storedHead =
  'Nats-Stream: DEAD\r\nNats-Subject: headgate.dead.größe\r\nNats-Sequence: 6\r\n' +
  'Nats-Time-Stamp: 2026-03-01T12:00:00.123456789Z\r\nNats-Num-Pending: 3';

test('a page has what the server adds, and the first value of each header of the message', async () => {
  const open = openPage();
  open.bytes(`Nats-Sequence: 1\r\nOrigin:7\r\nOrigin: 8\r\n${storedHead}`, '{"a":1}');
  open.status(204, 'EOB');
  const [message, ...others] = await open.page;
  expect(others).toEqual([]);
  expect(message).toMatchObject({ subject: 'headgate.dead.größe', sequence: 6 });
  expect(message!.storedAtMs).toBe(Date.parse('2026-03-01T12:00:00.123Z'));
  expect(Buffer.from(message!.payload).toString()).toBe('{"a":1}');
  // Also without its message, as callers pass it on.
  const { header } = message!;
  expect(['Origin', 'Nats-Sequence', 'origin', 'Orig', 'No'].map((one) => header(one))).toEqual([
    '7',
    '1',
    '',
    '',
    '',
  ]);
  expect(open.published).toEqual([
    '$JS.API.DIRECT.GET.DEAD ' +
      '{"seq":5,"next_by_subj":"headgate.dead.>","batch":9,"max_bytes":2097152}',
  ]);
  expect(open.unsubscribed()).toBe(1);
  expect(vi.getTimerCount()).toBe(0);
});

test('a client that has parsed the message itself gives the same', async () => {
  const open = openPage();
  const head = headers();
  for (const [name, value] of storedHead.split('\r\n').map((line) => line.split(': '))) {
    head.set(name!, value!);
  }
  open.parsed(head);
  open.status(204, 'EOB');
  const [message] = await open.page;
  expect(message).toMatchObject({ subject: 'headgate.dead.größe', sequence: 6 });
  expect(message!.storedAtMs).toBe(Date.parse('2026-03-01T12:00:00.123Z'));
});

test('the end of the stream is an empty page', async () => {
  const open = openPage();
  open.status(404, 'Message Not Found');
  expect(await open.page).toEqual([]);
});

test.each([
  [503, 'no responders: '],
  [408, '408 Bad Request'],
])('status %i is a failure of the log', async (code, text) => {
  const open = openPage();
  open.status(code, 'Bad Request');
  const error: unknown = await open.page.catch((cause: unknown) => cause);
  expect(logFailureOf(error)).toContain(text);
  expect(open.unsubscribed()).toBe(1);
});

test('so is an end of the subscription, and silence in the middle of a page', async () => {
  const ended = openPage();
  ended.fail(new Error('gone'));
  await expect(ended.page).rejects.toThrow('gone');

  const silent = openPage();
  const failure = silent.page.catch((error: unknown) => error);
  vi.advanceTimersByTime(4_999);
  silent.bytes(storedHead, '{}');
  vi.advanceTimersByTime(4_999);
  expect(silent.unsubscribed()).toBe(0);
  vi.advanceTimersByTime(1);
  expect(String(await failure)).toContain('DEAD was not read within 5000 ms');
  expect(silent.unsubscribed()).toBe(1);
});
