import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import type { HttpCall } from '../../http/http-call.ts';
import { createWrongTokens, type WrongTokens } from './wrong-tokens.ts';

let wrong: WrongTokens;
const seen: string[] = [];
beforeEach(() => {
  vi.useFakeTimers();
  wrong = createWrongTokens();
  seen.length = 0;
});
afterEach(() => {
  wrong.close();
  vi.useRealTimers();
});

function callOf() {
  const listeners: (() => void)[] = [];
  return {
    connection: {} as { waitingForTurn?: number },
    httpVersionMajor: 1,
    answered: false,
    whenAnswered: (listener: () => void) => void listeners.push(listener),
    disconnect(): void {
      this.answered = true;
      for (const listener of listeners) listener();
    },
  };
}

function send(address: string, count = 1) {
  const calls = Array.from({ length: count }, callOf);
  for (const call of calls) {
    wrong.slow(
      call as unknown as HttpCall,
      address,
      () => seen.push('answered'),
      (seconds) => seen.push(`refused for ${seconds} s`),
    );
  }
  return calls;
}
const count = (what: string): number => seen.filter((each) => each.startsWith(what)).length;

test('ten are answered at once, the eleventh after a second', () => {
  send('192.0.2.1', 10);
  expect(count('answered')).toBe(10);
  const [call] = send('192.0.2.1');
  expect([count('answered'), call!.connection.waitingForTurn]).toEqual([10, 1]);
  vi.advanceTimersByTime(999);
  expect(count('answered')).toBe(10);
  vi.advanceTimersByTime(1);
  expect([count('answered'), call!.connection.waitingForTurn]).toEqual([11, 0]);
});

test('three of an address wait, one second each, and a fourth is refused', () => {
  send('192.0.2.1', 10 + 3);
  expect(count('refused')).toBe(0);
  send('192.0.2.1');
  expect(seen.at(-1)).toBe('refused for 4 s');
  vi.advanceTimersByTime(2_000);
  expect(count('answered')).toBe(12);
  vi.advanceTimersByTime(1_000);
  expect(count('answered')).toBe(13);
});

test('another address does not wait', () => {
  send('192.0.2.1', 14);
  send('192.0.2.2');
  expect(seen.at(-1)).toBe('answered');
});

test('a hundred wait in all', () => {
  for (let address = 0; address < 50; address += 1) send(`192.0.2.${address}`, 12);
  expect([count('answered'), count('refused')]).toEqual([500, 0]);
  send('198.51.100.1', 1);
  expect(count('refused')).toBe(1);
  vi.advanceTimersByTime(2_000);
  expect(count('answered')).toBe(600);
});

test('who disconnects makes room', () => {
  const calls = send('192.0.2.1', 13);
  calls.at(-1)!.disconnect();
  send('192.0.2.1');
  expect(count('refused')).toBe(0);
  vi.advanceTimersByTime(10_000);
  expect(count('answered')).toBe(13);
});

test('after a quiet while the address begins anew', () => {
  send('192.0.2.1', 12);
  vi.advanceTimersByTime(20_000);
  seen.length = 0;
  send('192.0.2.1', 10);
  expect(count('answered')).toBe(10);
});

test('the end answers all that wait', () => {
  send('192.0.2.1', 13);
  wrong.close();
  expect(count('answered')).toBe(13);
});
