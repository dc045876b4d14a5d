import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { readAck } from './publish-ack.ts';
import { PublishError } from './publish-error.ts';

const read = (text: string): unknown => {
  const answer = readAck(Buffer.from(text));
  return answer instanceof PublishError ? answer.code : answer;
};

describe('readAck', () => {
  test('reads the answers of nats-server', () => {
    expect(read('{"stream":"EVENTS", "seq":12}')).toEqual({ sequence: 12, duplicate: false });
    expect(read('{"stream":"EVENTS","seq":12,"duplicate": true}')).toEqual({
      sequence: 12,
      duplicate: true,
    });
    expect(read('{"stream":"EVENTS","domain":"d","seq":9007199254740991}')).toEqual({
      sequence: 2 ** 53 - 1,
      duplicate: false,
    });
  });

  test.each([
    ['', 'no_stream'],
    ['{}', 'rejected'],
    ['+OK', 'rejected'],
    ['{"stream":"E","seq":}', 'rejected'],
    ['"seq":5}', 'rejected'],
    [
      '{"error":{"code":503,"err_code":10077,"description":"maximum bytes exceeded"},"stream":"E","seq":0}',
      'stream_full',
    ],
    [
      '{"error":{"code":503,"err_code":10023,"description":"insufficient resources"}}',
      'store_full',
    ],
    [
      '{"error":{"code":400,"err_code":10071,"description":"wrong last sequence: 3"},"stream":"E","seq":3}',
      'conflict',
    ],
    [
      '{"error":{"code":409,"err_code":10158,"description":"duplicate message id is in process"}}',
      'in_process',
    ],
    ['{"error":{"code":503,"err_code":10163},"stream":"E","seq":0}', 'conflict'],
    ['{"error":{"code":400,"err_code":10097},"stream":"E","seq":0}', 'too_large'],
    ['{"error":{"code":400,"err_code":10002}}', 'store_full'],
    ['{"error":{"code":503,"err_code":10008}}', 'away'],
    ['{"error":{"code":503,"err_code":10039}}', 'away'],
    ['{"error":{"code":503,"err_code":10076}}', 'away'],
    ['{"error":{"code":400,"err_code":10109,"description":"sealed"}}', 'rejected'],
    ['{"error":{"code":500,"err_code":10054},"stream":"E","seq":7}', 'too_large'],
  ])('reads %s as %s', (text, code) => {
    expect(read(text)).toBe(code);
  });

  test('agrees with JSON.parse on any acknowledgement', () => {
    const acks = fc.record(
      {
        stream: fc.stringMatching(/^[A-Z"seq:0-9}]{0,12}$/),
        domain: fc.string({ maxLength: 5 }),
        seq: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
        duplicate: fc.boolean(),
      },
      { requiredKeys: ['stream', 'seq'] },
    );
    fc.assert(
      fc.property(acks, ({ stream, domain, seq, duplicate }) => {
        const text = JSON.stringify({ stream, domain, seq, duplicate });
        expect(read(text)).toEqual({ sequence: seq, duplicate: duplicate === true });
      }),
    );
  });
});
