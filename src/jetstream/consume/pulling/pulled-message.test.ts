import { headers, type Msg, type NatsConnection } from '@nats-io/nats-core';
import { expect, test } from 'vitest';

import { otherStream } from '../../events/stream-parts.ts';
import { createMessageAnswers } from './message-answers.ts';
import { Pulled } from './pulled-message.ts';

const plain = '$JS.ACK.EVENTS.crm.3.41.7.1767323045678901234.5';
const withDomain = '$JS.ACK.hub.AbCdEf.EVENTS.crm.3.41.7.1767323045678901234.5.x9y8';

function pulled(reply: string): { message: Pulled; sent: string[] } {
  const sent: string[] = [];
  const connection = {
    isClosed: () => false,
    publish: (subject: string, text: string) => void sent.push(`${subject} ${text}`),
    protocol: {
      sendCommand: (bytes: Uint8Array) =>
        void sent.push(
          /^PUB (\S+) 4\r\n(\+ACK)\r\n$/.exec(Buffer.from(bytes).toString())!.slice(1).join(' '),
        ),
    },
  } as unknown as NatsConnection;
  const head = headers();
  head.set('traceparent', '00-1');
  const data = new Uint8Array(3);
  const received = { subject: 'headgate.events.shop.x', reply, data, headers: head } as Msg;
  const answers = createMessageAnswers(connection);
  return { message: new Pulled(answers, received, otherStream('REPLAY')), sent };
}

test.each([plain, withDomain])('reads the subject of the acknowledgement: %s', (reply) => {
  const { message } = pulled(reply);
  expect(message).toMatchObject({
    subject: 'headgate.events.shop.x',
    deliveries: 3,
    sequence: 41,
    payload: new Uint8Array(3),
  });
  expect(message.storedAtMs).toBeCloseTo(1_767_323_045_678.901, 2);
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

test('throws on a message that no consumer sent', () => {
  for (const reply of ['_INBOX.1', '', '$JS.ACK.EVENTS.crm.3.41.7.1767323045678901234']) {
    expect(() => pulled(reply).message).toThrow(TypeError);
  }
});

test('reads a position and a time of any length', () => {
  const { message } = pulled('$JS.ACK.EVENTS.crm.12.9007199254740991.7.1234567.0');
  expect(message).toMatchObject({ deliveries: 12, sequence: 9_007_199_254_740_991 });
  expect(message.storedAtMs).toBeCloseTo(1.234567, 6);
  expect(pulled('$JS.ACK.EVENTS.crm.1.2.3.4.5').message.storedAtMs).toBe(4e-6);
});
