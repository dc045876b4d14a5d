import { describe, expect, test } from 'vitest';
import { describeKafkaError, validateFailure } from './failure.ts';

const fault = { kind: 'retry', fault: 'destination', reason: 'why' };
const delivered = { kind: 'delivered' };
const tooLarge = (count: number) =>
  count === 1 ? expect.objectContaining({ kind: 'dead', status: 'MESSAGE_TOO_LARGE' }) : 'unclear';

/** As the client has it: one error for each broker, in one around them. */
function failureOf(...brokers: readonly (readonly [index: number, errorCode: number])[][]): Error {
  const errors = brokers.map((partitions) =>
    Object.assign(new AggregateError([new Error('inner')], 'Received response with error'), {
      response: {
        responses: [
          { partitionResponses: partitions.map(([index, errorCode]) => ({ index, errorCode })) },
        ],
      },
    }),
  );
  return new AggregateError(errors, 'Producing messages failed.');
}

describe('validateFailure', () => {
  test('reports what each partition took', () => {
    const error = failureOf(
      [
        [0, 0],
        [1, 10],
      ],
      [[2, 6]],
    );
    expect(validateFailure(error, [0, 1, 2, 0], 'why')).toEqual([
      delivered,
      tooLarge(1),
      fault,
      delivered,
    ]);
  });

  test('of several records in a refused partition, the bad one is unknown', () => {
    expect(
      validateFailure(
        failureOf([
          [0, 10],
          [1, 0],
        ]),
        [0, 1, 0],
        'why',
      ),
    ).toEqual([tooLarge(2), delivered, tooLarge(2)]);
  });

  test('knows what other brokers took though one failed', () => {
    const produced = { offsets: [{ partition: 4 }] };
    const error = Object.assign(failureOf([[0, 19]]), { produced });
    expect(validateFailure(error, [0, 4], 'why')).toEqual([fault, delivered]);
  });

  test.each([new Error('no connection'), 'text', {}, failureOf([])])(
    'an error without a partition is caused by the destination: %s',
    (error) => {
      expect(validateFailure(error, [0, 1], 'why')).toEqual([fault, fault]);
    },
  );
});

test('describeKafkaError quotes each innermost message once, and not for ever', () => {
  const inner = new Error('Connection to broker failed.', { cause: new Error('ECONNREFUSED') });
  const error = new AggregateError([inner, new AggregateError([inner], 'x')], 'failed 3 times');
  expect(describeKafkaError(error)).toBe('Connection to broker failed (ECONNREFUSED)');
  expect(describeKafkaError(new Error('x'.repeat(5_000))).length).toBeLessThan(400);
  expect(describeKafkaError('text')).toBe('text');
});
