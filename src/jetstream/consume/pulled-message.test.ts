import { headers, type Msg, type NatsConnection } from '@nats-io/nats-core';
import { expect, test } from 'vitest';

import { otherStream } from '../events/stream-parts.ts';
import { createAnswers, Pulled } from './pulled-message.ts';

const plain = '$JS.ACK.EVENTS.crm.3.41.7.1767323045678901234.5';
const withDomain = '$JS.ACK.hub.AbCdEf.EVENTS.crm.3.41.7.1767323045678901234.5.x9y8';

function pulled(reply: string, isClosed = false): { message: Pulled; sent: string[] } {
  const sent: string[] = [];
  const connection = {
    isClosed: () => isClosed,
    publish: (subject: string, text: string) => void sent.push(`${subject} ${text}`),
    protocol: {
      sendCommand: (bytes: Uint8Array) => {
        const [, subject, text] = /^PUB (\S+) 4\r\n(.{4})\r\n$/.exec(String(bytes))!;
        sent.push(`${subject} ${text}`);
      },
    },
  } as unknown as NatsConnection;
  const head = headers();
  head.set('traceparent', '00-1');
  const data = new Uint8Array(3);
  const received = { subject: 'headgate.events.shop.x', reply, data, headers: head } as Msg;
  return { message: new Pulled(createAnswers(connection), received, otherStream('REPLAY')), sent };
}

test.each([plain, withDomain])('reads the subject of the acknowledgement: %s', (reply) => {
  const { message } = pulled(reply);
  expect(message).toMatchObject({
    subject: 'headgate.events.shop.x',
    deliveries: 3,
    sequence: 41,
    payload: new Uint8Array(3),
  });
  expect(Math.floor(message.storedAtMs)).toBe(1_767_323_045_678);
  expect([message.header('traceparent'), message.header('none')]).toEqual(['00-1', '']);
});

test('settles in the words of NATS', () => {
  const { message, sent } = pulled(plain);
  message.ack();
  message.nak(0);
  message.nak(1_500);
  message.term('why');
  message.working();
  expect(sent).toEqual(
    ['+ACK', '-NAK', '-NAK {"delay":1500000000}', '+TERM why', '+WPI'].map(
      (text) => `${plain} ${text}`,
    ),
  );
});

test('sends nothing on a connection that is closed', () => {
  const { message, sent } = pulled(plain, true);
  message.ack();
  message.nak(0);
  expect(sent).toEqual([]);
});

test('throws on a message that no consumer sent', () => {
  expect(() => pulled('_INBOX.1')).toThrow(TypeError);
});
