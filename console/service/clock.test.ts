import { afterEach, expect, test } from 'vitest';

import { learnClock, serviceNowMs } from './clock.ts';

const answerAt = (date: string): { headers: Headers } => ({ headers: new Headers({ date }) });
const httpDate = (ms: number): string => new Date(ms).toUTCString();

afterEach(() => learnClock(answerAt(httpDate(Date.now()))));

test('the clock of a device that is wrong by days is corrected', () => {
  for (const wrongMs of [-2, 2].map((days) => days * 86_400_000)) {
    learnClock(answerAt(httpDate(Date.now() - wrongMs)));
    expect(Math.abs(serviceNowMs() - (Date.now() - wrongMs))).toBeLessThan(2_000);
  }
});

test('a clock that is a few seconds off is kept, and an answer without a date changes nothing', () => {
  learnClock(answerAt(httpDate(Date.now() - 20_000)));
  expect(Math.abs(serviceNowMs() - Date.now())).toBeLessThan(1_000);
  learnClock({ headers: new Headers() });
  learnClock(answerAt('today'));
  expect(Math.abs(serviceNowMs() - Date.now())).toBeLessThan(1_000);
});
