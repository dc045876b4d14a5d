import type { KeyObject } from 'node:crypto';

import { assert, property, string, uint8Array, uuid } from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { describe, expect, test } from 'vitest';
import { readSigningKey, signWebhook } from './signature.ts';

const secretOf = (key: Uint8Array): string => `whsec_${Buffer.from(key).toString('base64')}`;

describe('signWebhook', () => {
  test('agrees with the example of the specification', () => {
    const key = readSigningKey('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw');
    const signature = signWebhook(key === undefined ? [] : [key], {
      id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      timestampSeconds: 1614265330,
      body: Buffer.from('{"test": 2432232314}'),
    });
    expect(signature).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
  });

  test('agrees with the standardwebhooks package on any text', () => {
    const keys = uint8Array({ minLength: 24, maxLength: 64 });
    assert(
      property(keys, uuid(), string({ unit: 'grapheme' }), (bytes, id, text) => {
        const timestamp = new Date(1_800_000_000_000);
        const key = readSigningKey(secretOf(bytes));
        expect(key).toBeDefined();
        const content = { id, timestampSeconds: 1_800_000_000, body: Buffer.from(text) };
        expect(signWebhook([key as KeyObject], content)).toBe(
          new Webhook(secretOf(bytes)).sign(id, timestamp, text),
        );
      }),
      { numRuns: 100 },
    );
  });

  test('gives one signature a key, so that either secret verifies', () => {
    const secrets = [secretOf(Buffer.alloc(32, 1)), secretOf(Buffer.alloc(24, 2))];
    const timestampSeconds = Math.floor(Date.now() / 1000);
    const body = Buffer.from('{"a":1}');
    const keys = secrets.map((secret) => readSigningKey(secret) as KeyObject);
    const signature = signWebhook(keys, { id: 'x', timestampSeconds, body });
    const headers = {
      'webhook-id': 'x',
      'webhook-timestamp': String(timestampSeconds),
      'webhook-signature': signature,
    };
    for (const secret of secrets)
      expect(new Webhook(secret).verify(body, headers)).toEqual({ a: 1 });
  });
});

test.each([
  ['', 'nothing'],
  [Buffer.alloc(32, 1).toString('base64'), 'no prefix'],
  [secretOf(Buffer.alloc(23, 1)), 'too short'],
  [secretOf(Buffer.alloc(65, 1)), 'too long'],
  [`${secretOf(Buffer.alloc(32, 1))}!`, 'not base64'],
  [secretOf(Buffer.alloc(32, 1)).replace('=', ''), 'no padding'],
  ['whsec_this is a long passphrase and no key at all', 'a passphrase'],
])('readSigningKey refuses %s (%s)', (secret) => {
  expect(readSigningKey(secret)).toBeUndefined();
});
