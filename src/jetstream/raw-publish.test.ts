import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { createOutgoingBlock, headerBlock } from './raw-publish.ts';

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

describe('an outgoing block', () => {
  test('holds commands that a server reads as they were meant', () => {
    const outgoing = createOutgoingBlock();
    fc.assert(
      fc.property(fc.array(messages, { maxLength: 12 }), fc.boolean(), (list, asBytes) => {
        for (const message of list) {
          const payload = asBytes ? Buffer.from(message.payload) : message.payload;
          expect(outgoing.add({ ...message, payload }, 1_000_000)).toBe(true);
        }
        const blocks = outgoing.take();
        expect(parse(Buffer.concat(blocks))).toEqual(
          list.map((message) => ({ command: 'HPUB', ...message })),
        );
        // A block holds whole commands: a connection that is lost between two of them cuts none.
        for (const block of blocks) expect(parse(Buffer.from(block)).length).toBeGreaterThan(0);
        expect(outgoing.take()).toEqual([]);
      }),
    );
  });

  test('refuses what is too large, counted with its headers, and keeps the rest', () => {
    const outgoing = createOutgoingBlock();
    const headers = headerBlock({});
    const add = (bytes: number): boolean =>
      outgoing.add({ subject: 's', reply: 'r', headers, payload: 'x'.repeat(bytes) }, 100);
    const room = 100 - headers.length;
    expect([add(room), add(room + 1), add(0)]).toEqual([true, false, true]);
    expect(
      outgoing.add({ subject: 's', reply: 'r', headers, payload: 'é'.repeat(room) }, 100),
    ).toBe(false);
    expect(parse(Buffer.concat(outgoing.take())).length).toBe(2);
    add(1);
    outgoing.clear();
    expect(outgoing.take()).toEqual([]);
  });
});

describe('headerBlock', () => {
  test.each(['a\r\nNats-Rollup: all', 'a\nb', 'a\rb', '\u0000', 'é', '\u2028'])(
    'refuses %j',
    (value) => {
      expect(() => headerBlock({ 'Nats-Msg-Id': value })).toThrow(TypeError);
    },
  );

  test('writes the block that the protocol asks for', () => {
    expect(headerBlock({ a: 'b', c: '' })).toBe('NATS/1.0\r\na: b\r\nc: \r\n\r\n');
  });
});
