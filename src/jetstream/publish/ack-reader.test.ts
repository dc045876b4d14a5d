import type { NatsConnection } from '@nats-io/nats-core';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { createAckReader } from './ack-reader.ts';

const inbox = '_INBOX.Ab12.';

/**
 * A parser that collects its input, and is between messages whenever the input ends in a line end.
 */
function createParser() {
  return {
    state: 0,
    text: '',
    parse(bytes: Uint8Array) {
      this.text += Buffer.from(bytes).toString('latin1');
      this.state = this.text.endsWith('\r\n') || this.text === '' ? 0 : 7;
    },
  };
}

type Parser = ReturnType<typeof createParser>;

function openReader(parser: Parser | undefined) {
  const seen: string[] = [];
  const protocol = { parser };
  const reader = createAckReader(
    { protocol } as unknown as NatsConnection,
    inbox,
    (token, bytes, start, end) =>
      seen.push(`${token} ${Buffer.from(bytes).toString('latin1', start, end)}`),
  );
  reader.attach();
  return { seen, reader, protocol };
}

const ack = fc.record({
  token: fc.nat(2 ** 31),
  sid: fc.integer({ min: 1, max: 9999 }),
  payload: fc.constantFrom(
    '{"stream":"EVENTS", "seq":12}',
    '{"stream":"EVENTS", "seq":1, "duplicate": true}',
    '',
    'MSG _INBOX.Ab12.1 1 2\r\n',
  ),
});

const message = ({
  token,
  sid,
  payload,
}: {
  token: number;
  sid: number;
  payload: string;
}): string => `MSG ${inbox}${token.toString(36)} ${sid} ${payload.length}\r\n${payload}\r\n`;

describe('an ack reader', () => {
  test('reads each acknowledgement, however the bytes are split', () => {
    fc.assert(
      fc.property(fc.array(ack, { maxLength: 8 }), fc.array(fc.nat(500)), (acks, cuts) => {
        const parser = createParser();
        const { seen } = openReader(parser);
        const bytes = Buffer.from(acks.map(message).join(''));
        const offsets = [
          ...new Set([0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length]),
        ];
        offsets.sort((left, right) => left - right);
        for (let at = 1; at < offsets.length; at += 1) {
          parser.parse(bytes.subarray(offsets[at - 1], offsets[at]));
        }
        expect(seen).toEqual(acks.map(({ token, payload }) => `${token} ${payload}`));
        expect(parser.text).toBe('');
      }),
    );
  });

  test.each([
    'PING\r\n',
    '+OK\r\n',
    `INFO {"server_id":"${'x'.repeat(300)}"}\r\n`,
    '-ERR \'Permissions Violation for Publish to "x"\'\r\n',
    'MSG _INBOX.Ab13.1 1 2\r\nab\r\n',
    // No responders, and a message with a reply subject of its own.
    `HMSG ${inbox}1 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n`,
    `MSG ${inbox}1 1 reply.to 2\r\nab\r\n`,
    `MSG ${inbox}${'1'.repeat(100)} 1 2\r\nab\r\n`,
  ])('leaves %j to the client', (other) => {
    const parser = createParser();
    const { seen } = openReader(parser);
    const one = message({ token: 5, sid: 1, payload: '{}' });
    parser.parse(Buffer.from(`${one}${other}`));
    parser.parse(Buffer.from(one));
    expect(parser.text).toBe(other);
    expect(seen).toEqual(['5 {}', '5 {}']);
  });

  test('waits until the client has finished a message that it began to read', () => {
    const parser = createParser();
    const { seen } = openReader(parser);
    const one = message({ token: 5, sid: 1, payload: '{}' });
    parser.parse(Buffer.from('INFO {"a":'));
    parser.parse(Buffer.from('1}\r\n'));
    parser.parse(Buffer.from(one));
    expect([parser.text, seen]).toEqual(['INFO {"a":1}\r\n', ['5 {}']]);
  });

  test('attaches once to the parser of each new connect, and works without a parser', () => {
    const { seen, reader, protocol } = openReader(createParser());
    const next = createParser();
    protocol.parser = next;
    reader.attach();
    reader.attach();
    next.parse(Buffer.from(message({ token: 1, sid: 1, payload: '{}' })));
    expect([seen, next.text]).toEqual([['1 {}'], '']);
    expect(() => openReader(undefined)).not.toThrow();
  });
});
