import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { readTime, readTimeNumber, timeOfNanos } from './time-text.ts';

test('the common form is read as every other form of the same time, valid or not', () => {
  const days = Array.from({ length: 13 * 32 }, (_, at) => {
    const [month, day] = [Math.floor(at / 32), at % 32].map((part) =>
      String(part).padStart(2, '0'),
    );
    return `${month}-${day}`;
  });
  const dates = ['0000', '0001', '2023', '2024', '9999'].flatMap((year) =>
    days.map((day) => `${year}-${day}`),
  );
  const times = ['00:00:00', '23:59:59', '24:00:00', '12:60:00', '12:00:60'];
  const wrong = dates
    .flatMap((date) => times.map((time) => [date, time] as const))
    .filter(([date, time]) => readTime(`${date}T${time}.120Z`) !== readTime(`${date}t${time}.12z`));
  expect(wrong).toEqual([]);
});

test('a time has one form, however many digits it is written with', () => {
  const digits = fc.array(fc.constantFrom(...'0123456789'), { minLength: 1, maxLength: 9 });
  fc.assert(
    fc.property(digits, fc.integer({ min: 0, max: 8 }), (fraction, zeros) => {
      const text = fraction.join('').padEnd(Math.min(9, fraction.length + zeros), '0');
      const nanos = Number(text.padEnd(9, '0'));
      const read = readTime(`2026-03-01T12:00:00.${text}Z`)!;
      const kept = read.slice('2026-03-01T12:00:00.'.length, -1);
      expect(Number(kept.padEnd(9, '0'))).toBe(nanos);
      expect([3, 6, 9]).toContain(kept.length);
      // As few as hold it.
      expect(kept).not.toMatch(/^\d{3,6}000$/);
      expect(readTime(read)).toBe(read);
      const ms = Date.UTC(2026, 2, 1, 12) + Math.floor(nanos / 1e6);
      expect(timeOfNanos(ms, nanos % 1e6)).toBe(read);
    }),
  );
});

test.each([
  '2026-03-01T12:00:00.1234567890Z',
  '2026-03-01T12:00:00.Z',
  '2026-02-29T12:00:00.123456Z',
  '2026-03-01T24:00:00.123456Z',
  '0000-12-31T23:59:59.999999999Z',
  '9999-12-31T23:59:59.999999999-00:01',
])('%s is no time', (text) => {
  expect(readTime(text)).toBeUndefined();
});

test.each([
  ['1772366400', '2026-03-01T12:00:00.000Z'],
  ['1772366400.123', '2026-03-01T12:00:00.123Z'],
  ['1772366400.123456', '2026-03-01T12:00:00.123456Z'],
  ['1772366400.123456789', '2026-03-01T12:00:00.123456789Z'],
  ['1772366400.1234567899', '2026-03-01T12:00:00.123456789Z'],
  ['1772366400123', '2026-03-01T12:00:00.123Z'],
  ['1772366400123.456', '2026-03-01T12:00:00.123456Z'],
  ['-0.000001', '1969-12-31T23:59:59.999999Z'],
  ['-1.5', '1969-12-31T23:59:58.500Z'],
  ['0', '1970-01-01T00:00:00.000Z'],
  ['99999999999999999', undefined],
  ['1e+300', undefined],
])('the number %s is %s', (source, text) => {
  expect(readTimeNumber(source)).toBe(text);
});
