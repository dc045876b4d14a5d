import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import {
  createOutgoingBlock,
  headerBlock,
  messagesIn,
  type OutgoingBlock,
  type OutgoingMessage,
} from './raw-publish.ts';

/** Reads HPUB commands as a server would. */
function parse(bytes: Buffer): unknown[] {
  const found: unknown[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf('\r\n', at);
    const [command, subject, reply, headerBytes, totalBytes] = bytes
      .toString('latin1', at, end)
      .split(' ');
    const from = end + 2;
    const headers = bytes.toString('latin1', from, from + Number(headerBytes));
    const payload = bytes.toString('utf8', from + Number(headerBytes), from + Number(totalBytes));
    found.push({ command, subject, reply, headers, payload });
    at = from + Number(totalBytes);
    if (bytes.toString('latin1', at, at + 2) !== '\r\n') throw new Error('the length is wrong');
    at += 2;
  }
  return found;
}

const messages = fc.record({
  reply: fc.constantFrom('_INBOX.abc.1', '_INBOX.abc.zz'),
  subject: fc.constantFrom('headgate.events.a.order_completed', 'x'),
  headers: fc
    .dictionary(fc.constantFrom('Nats-Msg-Id', 'traceparent'), fc.stringMatching(/^[ -~]{0,30}$/))
    .map(headerBlock),
  payload: fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 200 }).map((text) => text.toWellFormed()),
    fc.nat(400_000).map((length) => 'é'.repeat(length)),
    fc.constant('\r\nHPUB x 0 0\r\n'),
  ),
});

const turnEnds = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Adds a message like the publisher. */
function add(outgoing: OutgoingBlock, message: OutgoingMessage & { reply: string }): void {
  const payloadBytes = Buffer.byteLength(message.payload);
  outgoing.makeRoom(message.headers.length + payloadBytes);
  outgoing.add(message, message.reply, payloadBytes);
}

describe('an outgoing block', () => {
  test('holds commands that a server parses into the same messages', async () => {
    const blocks: Uint8Array[] = [];
    const outgoing = createOutgoingBlock((block) => blocks.push(block));
    await fc.assert(
      fc.asyncProperty(
        fc.array(messages, { maxLength: 12 }),
        fc.boolean(),
        async (list, asBytes) => {
          blocks.length = 0;
          for (const message of list) {
            const payload = asBytes ? Buffer.from(message.payload) : message.payload;
            add(outgoing, { ...message, payload });
          }
          await turnEnds();
          expect(parse(Buffer.concat(blocks))).toEqual(
            list.map((message) => ({ command: 'HPUB', ...message })),
          );
          // A block holds only whole commands, so a connection lost between two blocks splits none.
          for (const block of blocks) expect(parse(Buffer.from(block)).length).toBeGreaterThan(0);
          const count = blocks.length;
          await turnEnds();
          expect(blocks.length).toBe(count);
          for (const reply of ['_INBOX.abc.1', '_INBOX.abc.zz']) {
            const found = blocks.flatMap((block) => [...messagesIn(block, reply)]);
            expect(
              found.map((message) => ({ ...message, payload: message.payload.toString() })),
            ).toEqual(
              list
                .filter((message) => message.reply === reply)
                .map(({ subject, headers, payload }) => ({ subject, headers, payload })),
            );
          }
        },
      ),
    );
  });

  test('ends before it exceeds 64 KiB, and discards its messages on clear', async () => {
    const blocks: Uint8Array[] = [];
    const outgoing = createOutgoingBlock((block) => blocks.push(block));
    const message = {
      subject: 's',
      reply: 'r',
      headers: headerBlock({}),
      payload: 'x'.repeat(30_000),
    };
    for (let count = 0; count < 5; count += 1) add(outgoing, message);
    expect(blocks.map((block) => parse(Buffer.from(block)).length)).toEqual([2, 2]);
    outgoing.clear();
    await turnEnds();
    expect(blocks.length).toBe(2);
  });
});

describe('headerBlock', () => {
  test.each(['a\r\nNats-Rollup: all', 'a\nb', 'a\rb', '\u0000', 'é', '\u2028'])(
    'refuses %j',
    (value) => {
      expect(() => headerBlock({ 'Nats-Msg-Id': value })).toThrow(TypeError);
    },
  );

  test('writes a block in the format of the protocol', () => {
    expect(headerBlock({ a: 'b', c: '' })).toBe('NATS/1.0\r\na: b\r\nc: \r\n\r\n');
  });
});
