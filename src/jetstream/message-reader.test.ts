import { headers, type NatsConnection, type Subscription } from '@nats-io/nats-core';
import { Kind, Parser, type ParserEvent } from '@nats-io/nats-core/internal';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { messageReaderOf } from './message-reader.ts';

const pulledId = 7;
const kindNames = new Map(Object.entries(Kind).map(([name, kind]) => [kind, name]));

/** The client's own parser behind the reader, and what each of the two was given. */
function openReader() {
  const seen: string[] = [];
  const parser = new Parser({
    push: ({ kind, msg, data }: ParserEvent) => {
      const words = msg && [msg.subject, msg.reply ?? ''].map((one) => Buffer.from(one).toString());
      const content = Buffer.from(data ?? '').toString('latin1');
      seen.push(['client', kindNames.get(kind), ...(words ?? []), content].join(' '));
    },
  });
  const protocol: { parser: unknown } = { parser };
  const reader = messageReaderOf({ protocol } as unknown as NatsConnection);
  const subscription = { getID: () => pulledId } as Subscription;
  const stop = reader.listen(subscription, (message) => {
    const isDetached = message.size() % 2 === 0;
    if (isDetached) message.detach();
    const { subject, reply, data } = message;
    // Besides what `size` counts, the end of the line with two numbers.
    const keptMax = isDetached ? message.size() + 24 : Number.POSITIVE_INFINITY;
    expect(data.buffer.byteLength).toBeLessThan(keptMax);
    const text = message.headers!.get('Name');
    expect(message.headerText()).toBe(message.headers!.toString());
    const isReply = (bytes: Uint8Array, from: number, end: number): boolean =>
      Buffer.from(bytes.subarray(from, end)).toString() === reply;
    expect(message.readReply(isReply)).toBe(true);
    const content = Buffer.from(data).toString('latin1');
    seen.push(['pull', subject, reply, text, message.size(), content].join(' '));
  });
  return { seen, parser, protocol, reader, stop };
}

interface Item {
  readonly bytes: Buffer;
  readonly seen: string;
}

interface MessageParts {
  readonly subject: string;
  readonly id: number;
  readonly reply: string | undefined;
  readonly value: string;
  readonly payload: Uint8Array;
  readonly status?: number | undefined;
}

function hmsg({ subject, id, reply, value, payload, status }: MessageParts): Item {
  const head = status === undefined ? headers() : headers(status, 'Message Not Found');
  head.set('Name', value);
  const block = Buffer.from(head.toString());
  const total = block.length + payload.length;
  const replied = reply === undefined ? '' : `${reply} `;
  const line = `HMSG ${subject} ${id} ${replied}${block.length} ${total}\r\n`;
  const bytes = Buffer.concat([Buffer.from(line), block, payload, Buffer.from('\r\n')]);
  const content = Buffer.from(payload).toString('latin1');
  const size = Buffer.byteLength(subject) + (reply?.length ?? 0) + total;
  const isPulled = id === pulledId && status === undefined;
  const seen = isPulled
    ? ['pull', subject, reply ?? '', value, size, content]
    : ['client', 'MSG', subject, reply ?? '', block.toString('latin1') + content];
  return { bytes, seen: seen.join(' ') };
}

function msg({ subject, id, reply, payload }: MessageParts): Item {
  const replied = reply === undefined ? '' : `${reply} `;
  const line = `MSG ${subject} ${id} ${replied}${payload.length}\r\n`;
  const content = Buffer.from(payload).toString('latin1');
  return {
    bytes: Buffer.concat([Buffer.from(line), payload, Buffer.from('\r\n')]),
    seen: `client MSG ${subject} ${reply ?? ''} ${content}`,
  };
}

const parts = fc.record({
  subject: fc.constantFrom('headgate.events.shop.x', 'größe.x', '_INBOX.Ab'),
  id: fc.constantFrom(pulledId, pulledId, pulledId, 8, 77),
  reply: fc.constantFrom('$JS.ACK.EVENTS.crm.3.41.7.1767323045678901234.5', 'r', undefined),
  value: fc.constantFrom('', 'a', 'x'.repeat(300)),
  status: fc.constantFrom(undefined, undefined, 404),
  payload: fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.constantFrom(Buffer.from('HMSG a 7 b 1 1\r\n'), Buffer.alloc(70_000, 13)),
  ),
});
const item: fc.Arbitrary<Item> = fc.oneof(
  { weight: 4, arbitrary: parts.map(hmsg) },
  parts.map(msg),
  fc.constantFrom(
    { bytes: Buffer.from('PING\r\n'), seen: 'client PING ' },
    { bytes: Buffer.from('+OK\r\n'), seen: 'client OK ' },
    { bytes: Buffer.from("-ERR 'Stale a b c d e f'\r\n"), seen: "client ERR 'Stale a b c d e f'" },
    { bytes: Buffer.from(`INFO {"a": "${'x '.repeat(9_000)}"}\r\n`), seen: 'info' },
  ),
);

test('each message goes to its pull and all else to the client, in order, however they are split', () => {
  fc.assert(
    fc.property(fc.array(item, { maxLength: 8 }), fc.array(fc.nat(200_000)), (items, cuts) => {
      const { parser, seen } = openReader();
      const bytes = Buffer.concat(items.map((one) => one.bytes));
      const places = cuts.map((cut) => cut % (bytes.length + 1));
      const offsets = [...new Set([0, ...places, bytes.length])];
      offsets.sort((left, right) => left - right);
      for (let at = 1; at < offsets.length; at += 1) {
        parser.parse(bytes.subarray(offsets[at - 1], offsets[at]));
      }
      const short = seen.map((one) => (one.startsWith('client INFO') ? 'info' : one));
      expect(short).toEqual(items.map((one) => one.seen));
    }),
  );
});

const pulled = hmsg({
  subject: 's',
  id: pulledId,
  reply: 'r',
  value: 'a',
  payload: Buffer.from('{}'),
});

test('one byte after the other', () => {
  const { parser, seen } = openReader();
  for (const byte of Buffer.concat([pulled.bytes, pulled.bytes])) parser.parse(Uint8Array.of(byte));
  expect(seen).toEqual([pulled.seen, pulled.seen]);
});

test.each([
  'HMSG s 7 r 1 x\r\n',
  `HMSG s 7 r 1 ${64 * 1024 * 1024 + 1}\r\n`,
  'HMSG s 7 r x 1\r\n',
  'HMSG s 7 r 2 1\r\n',
  'HMSG s\r\n',
  'MSG a b c d e f g\r\n',
  'what\r\n',
])('the client refuses %j, as it does without the reader', (line) => {
  expect(() => openReader().parser.parse(Buffer.from(line))).toThrow(/Error|parse error/);
});

test('a line without an end goes to the client once it is longer than any', () => {
  const { parser, seen } = openReader();
  const text = 'x'.repeat(64 * 1024);
  parser.parse(Buffer.from(`-ERR ${text}`));
  expect(parser.state).not.toBe(0);
  parser.parse(Buffer.from('y\r\n'));
  expect(seen.map((one) => one.replace(text, ''))).toEqual(['client ERR y']);
});

test('a pull that has ended gets nothing more', () => {
  const { parser, seen, stop } = openReader();
  stop();
  parser.parse(pulled.bytes);
  expect(seen).toHaveLength(1);
  expect(seen[0]).toMatch(/^client MSG s r /);
});

test('the parser of a new connection is read once attached, and none is needed', () => {
  const { protocol, reader, seen } = openReader();
  const next = new Parser({ push: () => {} });
  protocol.parser = next;
  reader.attach();
  reader.attach();
  next.parse(pulled.bytes);
  expect(seen).toEqual([pulled.seen]);
  protocol.parser = undefined;
  expect(() => reader.attach()).not.toThrow();
});
