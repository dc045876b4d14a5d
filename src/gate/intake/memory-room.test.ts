import { describe, expect, test, vi } from 'vitest';

import { createMemoryRoom, foundPart, type Tenant } from './memory-room.ts';

interface Guest extends Tenant {
  readonly name: string;
  isEvicted: boolean;
}

const full: string[] = [];

function openRoom(bytesMax: number) {
  full.length = 0;
  return createMemoryRoom({ bytesMax, onFull: (tenant) => full.push((tenant as Guest).name) });
}

function guest(name: string, group = 'a', connection: object = {}): Guest {
  return {
    name,
    group,
    connection,
    isFixed: false,
    bytesHeld: 0,
    heldSince: 0,
    isEvicted: false,
    evict() {
      this.isEvicted = true;
    },
  };
}

describe('a room of memory', () => {
  test('takes its limit from one caller, and one byte more is not taken', () => {
    const room = openRoom(100);
    const only = guest('only');
    expect(room.add(only, 60)).toBe(true);
    expect(room.add(only, 40)).toBe(true);
    expect(room.bytesHeld).toBe(100);
    expect(room.add(only, 1)).toBe(false);
    expect([room.bytesHeld, full, only.isEvicted]).toEqual([0, ['only'], false]);
  });

  test('has room again for what was given back, once', () => {
    const room = openRoom(100);
    const first = guest('first');
    room.add(first, 100);
    room.leave(first);
    room.leave(first);
    expect([room.bytesHeld, room.add(guest('second'), 100)]).toEqual([0, true]);
  });

  test('evicts the older request, although another holds more', () => {
    vi.useFakeTimers();
    const room = openRoom(100);
    const old = guest('old');
    room.add(old, 40);
    vi.advanceTimersByTime(1000);
    room.add(guest('younger'), 60);
    expect(room.add(guest('newcomer'), 10)).toBe(true);
    expect(full).toEqual(['old']);
    expect(old.isEvicted).toBe(true);
    vi.useRealTimers();
  });

  test('evicts from the address that holds most, for any newcomer', () => {
    const room = openRoom(100);
    const crowd = Array.from({ length: 9 }, (_, index) => guest(`crowd-${index}`, 'crowd'));
    for (const each of crowd) room.add(each, 10);
    const other = guest('other', 'other');
    expect(room.add(other, 10)).toBe(true);
    for (let more = 0; more < 5; more += 1) room.add(guest('more', 'crowd'), 10);
    expect(full).toHaveLength(5);
    expect(other.isEvicted).toBe(false);
    expect(room.bytesHeld).toBe(100);
  });

  test('takes from the connection that holds most, at one address', () => {
    const room = openRoom(100);
    const connection = {};
    for (let each = 0; each < 9; each += 1) room.add(guest('many', 'a', connection), 10);
    const single = guest('single');
    room.add(single, 10);
    expect(room.add(guest('newcomer'), 10)).toBe(true);
    expect(full).toEqual(['many']);
    expect(single.isEvicted).toBe(false);
  });

  test('leaves one alone that is fixed, and then refuses the newcomer', () => {
    const room = openRoom(100);
    const fixed = { ...guest('fixed'), isFixed: true };
    room.add(fixed, 100);
    expect(room.add(guest('newcomer'), 1)).toBe(false);
    expect([full, room.bytesHeld]).toEqual([['newcomer'], 100]);
  });

  test('refuses the newcomer that is the heaviest itself', () => {
    const room = openRoom(100);
    for (let each = 0; each < 10; each += 1) room.add(guest('small', `address-${each}`), 5);
    expect(room.add(guest('large', 'large'), 60)).toBe(false);
    expect([full, room.bytesHeld]).toEqual([['large'], 50]);
  });

  test('among many it finds the heaviest first', () => {
    vi.useRealTimers();
    const room = openRoom(foundPart * 100 + 9);
    for (let each = 0; each < foundPart * 50; each += 1) room.add(guest('before'), 1);
    room.add(guest('heavy'), 10);
    for (let each = 0; each < foundPart * 50; each += 1) room.add(guest('after'), 1);
    expect(full).toEqual(['heavy']);
    expect(room.add(guest('newcomer'), 11)).toBe(false);
    expect(full).toEqual(['heavy', 'newcomer']);
  });

  test('those that are evicted may need room for their refusal, and evict others: thousands', async () => {
    vi.useRealTimers();
    const room = openRoom(10_000);
    let evicted = 0;
    for (let each = 0; each < 10_000; each += 1) {
      const tenant = guest('request');
      tenant.evict = () => {
        evicted += 1;
        room.add(guest('refusal'), 1);
      };
      room.add(tenant, 1);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(room.add(guest('newcomer'), 1)).toBe(true);
    while (evicted < 10_000) await new Promise((resolve) => setImmediate(resolve));
    expect(room.bytesHeld).toBe(10_000);
  });

  test('evictions of one turn are few: other work comes between', async () => {
    vi.useRealTimers();
    const room = openRoom(1000);
    let evicted = 0;
    for (let each = 0; each < 1000; each += 1) {
      const slow = guest('slow');
      slow.evict = () => {
        const until = performance.now() + 0.5;
        while (performance.now() < until);
        evicted += 1;
      };
      room.add(slow, 1);
    }
    for (let each = 0; each < 100; each += 1) room.add(guest('other'), 1);
    expect(room.bytesHeld).toBe(1000);
    const before = evicted;
    expect(before).toBeLessThan(10);
    await new Promise((resolve) => setImmediate(resolve));
    expect([evicted > before, evicted < before + 10]).toEqual([true, true]);
  });
});
