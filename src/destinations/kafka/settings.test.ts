import { expect, test } from 'vitest';
import { StartError } from '../../errors.ts';
import type { DestinationSettings } from '../destination.ts';
import { readKafkaSettings } from './settings.ts';

const settings: DestinationSettings = {
  brokers: 'kafka-1:9092, [::1]:9093',
  topic: 'events',
  tls: true,
  sasl_mechanism: 'PLAIN',
  username: 'gate',
  password: 'hidden',
  timeout: 1_000,
};

test('settings are read', () => {
  expect(readKafkaSettings('next', settings)).toEqual({
    brokers: ['kafka-1:9092', '[::1]:9093'],
    topic: 'events',
    tls: true,
    sasl: { mechanism: 'PLAIN', username: 'gate', password: 'hidden' },
    timeoutMs: 1_000,
    format: 'headgate',
  });
  const plain = { sasl_mechanism: null, username: null, password: null };
  expect(readKafkaSettings('next', { ...settings, ...plain }).sasl).toBeUndefined();
});

test.each([
  [{ brokers: 'kafka-1' }, 'next.brokers: "kafka-1" is none: write host:port'],
  [{ brokers: 'kafka-1:9092,' }, 'next.brokers: "" is none'],
  [{ brokers: 'kafka://kafka-1:9092' }, 'next.brokers'],
  [{ topic: 'a b' }, 'next.topic'],
  [{ topic: '..' }, 'next.topic'],
  [{ topic: 'x'.repeat(250) }, 'next.topic'],
  [{ timeout: 0 }, 'next.timeout'],
  [{ format: 'avro' }, 'next.format: use one of headgate, cloudevents'],
  [{ sasl_mechanism: 'GSSAPI' }, 'write one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512'],
  [{ sasl_mechanism: null }, 'together, or none of them'],
  [{ password: null }, 'together, or none of them'],
])('refuses %j and says how to fix it', (more, text) => {
  const read = (): unknown => readKafkaSettings('next', { ...settings, ...more });
  expect(read).toThrow(StartError);
  expect(read).toThrow(text);
  expect(read).not.toThrow('hidden');
});
