import { expect, test } from 'vitest';

import { decodePause } from './pause-entry.ts';

test('a pause is read as it was written', () => {
  const pause = { why: 'maintenance', by: 'ada', sinceMs: 1_900_000_000_000 };
  expect(decodePause({ key: 'crm', value: JSON.stringify(pause) })).toEqual({
    destination: 'crm',
    pause,
  });
});

test.each(['{}', '', '{', 'null', '[]', '{"why":1,"by":"a","sinceMs":1}', '{"why":"a","by":"a"}'])(
  '%j pauses nothing',
  (value) => {
    expect(decodePause({ key: 'crm', value })).toEqual({ destination: 'crm', pause: undefined });
  },
);
