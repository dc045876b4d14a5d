import { headers, type Msg, type NatsConnection } from '@nats-io/nats-core';
import { Parser } from '@nats-io/nats-core/internal';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { withClients, type LogClients } from '../clients.ts';
import { otherStream } from '../events/stream-parts.ts';
import type { Log } from '../log.ts';
import { createTraffic } from '../traffic.ts';
import { isPartReader, openPartReader } from './part-reader.ts';
import type { StoredMessage } from './read.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

type Callback = (error: Error | null, message: Msg) => void;

/** A reader, and what its server can answer. */
async function openReader(canAdd = true) {
  let callback: Callback = () => {};
  let inbox = '';
  const published: string[] = [];
  const parser = new Parser({ push: () => {} });
  const connection = {
    protocol: { parser },
    subscribe: (subject: string, options: { readonly callback: Callback }) => {
      inbox = subject;
      callback = options.callback;
      return { getID: () => 7, unsubscribe: () => {} };
    },
    publish: (subject: string, text: string) => void published.push(`${subject} ${text}`),
  } as unknown as NatsConnection;
  const consumers = {
    add: (_stream: string, { name }: { readonly name: string }) =>
      canAdd && isPartReader(name) ? Promise.resolve() : Promise.reject(new Error('no')),
    delete: () => Promise.reject(new Error('it is gone')),
  };
  const clients = { connection, manager: { consumers }, traffic: createTraffic() };
  const log = withClients({} as Log, clients as unknown as LogClients);
  const reader = await openPartReader(log, otherStream('DEAD'), 5);
  return {
    reader: reader!,
    isOpen: reader !== undefined,
    published,
    /** As bytes of the connection. */
    message: (number: number, pending: number, reply = '$JS.ACK.DEAD.x.1') => {
      const block = Buffer.from('NATS/1.0\r\nOrigin: 7\r\nOrigin: 8\r\n\r\n');
      const tail = reply.startsWith('$JS.ACK.hub') ? '.x9y8' : '';
      const subject = `${reply}.${4 + number}.${number}.1767323045678999999.${pending}${tail}`;
      const line = `HMSG headgate.dead.crm.x 7 ${subject} ${block.length} ${block.length + 2}\r\n`;
      parser.parse(Buffer.concat([Buffer.from(line), block, Buffer.from('{}\r\n')]));
    },
    status: (code: number, text: string) =>
      callback(null, {
        subject: inbox,
        data: new Uint8Array(),
        headers: headers(code, text),
      } as Msg),
    bare: (number: number) =>
      callback(null, {
        subject: 'headgate.dead.crm.x',
        reply: `$JS.ACK.DEAD.x.1.${4 + number}.${number}.1767323045678999999.0`,
        data: Buffer.from('{}'),
      } as unknown as Msg),
  };
}

const sequencesOf = (page: readonly StoredMessage[] | 'broken'): unknown =>
  page === 'broken' ? page : page.map(({ sequence }) => sequence);

/** The answer arrives after the request has been sent. */
async function answered(
  open: Awaited<ReturnType<typeof openReader>>,
  answer: () => void,
): Promise<unknown> {
  const page = open.reader.next();
  answer();
  return sequencesOf(await page);
}

test.each(['$JS.ACK.DEAD.x.1', '$JS.ACK.hub.AbCd.DEAD.x.1'])(
  'a message has its position, its time to the ms, and the first value of a header: %s',
  async (reply) => {
    const open = await openReader();
    const page = open.reader.next();
    open.message(1, 0, reply);
    const [message] = (await page) as StoredMessage[];
    expect(message).toMatchObject({ subject: 'headgate.dead.crm.x', sequence: 5 });
    // Not 679, to which a number would round it.
    expect(message!.storedAtMs).toBe(1_767_323_045_678);
    const { header } = message!;
    expect([header('Origin'), header('origin'), header('No')]).toEqual(['7', '', '']);
    expect(Buffer.from(message!.payload).toString()).toBe('{}');
  },
);

test('a page ends with the last message of the stream, and the next one goes on', async () => {
  const open = await openReader();
  const both = (): void => {
    open.message(1, 1);
    open.message(2, 0);
  };
  expect(await answered(open, both)).toEqual([5, 6]);
  expect(await answered(open, () => open.message(3, 0))).toEqual([7]);
  expect(await answered(open, () => open.bare(4))).toEqual([8]);
  expect(await answered(open, () => open.status(404, 'No Messages'))).toEqual([]);
  await open.reader.close();
  expect(open.published).toHaveLength(4);
  expect(open.published[0]).toContain('"no_wait":true');
});

test('a page has 512 messages at most, and ends early if they are large', async () => {
  const open = await openReader();
  const page = open.reader.next();
  for (let number = 1; number <= 512; number += 1) open.message(number, 1_000);
  expect(await page).toHaveLength(512);
  const large = (): void => {
    open.message(513, 10);
    open.status(409, 'Message Size Exceeds MaxBytes');
  };
  expect(await answered(open, large)).toEqual([517]);
});

test.each<[string, (open: Awaited<ReturnType<typeof openReader>>) => void]>([
  ['a message was lost', (open) => open.message(3, 0)],
  ['a message came again', (open) => open.message(1, 0)],
  ['its consumer was deleted', (open) => open.status(409, 'Consumer Deleted')],
  ['its server is gone', (open) => open.status(503, 'No Responders')],
  ['the next message is too large', (open) => open.status(409, 'Message Size Exceeds MaxBytes')],
  ['nothing answers', () => vi.advanceTimersByTime(5_000)],
])('a reader is broken when %s', async (_what, fail) => {
  const open = await openReader();
  expect(await answered(open, () => open.message(1, 0))).toEqual([5]);
  expect(await answered(open, () => fail(open))).toBe('broken');
});

test('without a consumer there is no reader', async () => {
  expect((await openReader(false)).isOpen).toBe(false);
});
