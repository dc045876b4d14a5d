import { expect, test } from 'vitest';

import { createChance } from '../endpoints/chance.ts';
import { makeRequest } from './run-fuzz.ts';
import { swapWireType } from './top-level.ts';
import { targets } from './targets.ts';

const typeOf = (value: unknown): string =>
  value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;

/** Of these bodies: by member of the request itself, the types that its value had. */
function typesIn(bodies: readonly Buffer[]): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  for (const body of bodies) {
    let value: unknown;
    try {
      value = JSON.parse(body.toString('utf8'));
    } catch {
      continue;
    }
    if (typeOf(value) !== 'object') continue;
    for (const [name, member] of Object.entries(value as object)) {
      const types = found.get(name) ?? new Set();
      found.set(name, types.add(typeOf(member)));
    }
  }
  return found;
}

const every = ['null', 'array', 'object', 'string', 'number', 'boolean'];
const ports = { public: 1, admin: 2 };

test.each([
  [
    'Segment batch HTTP/1.1',
    ['writeKey', 'batch', 'sentAt', 'timestamp', 'context', 'integrations'],
  ],
  ['PostHog batch HTTP/1.1', ['api_key', 'token', 'batch', 'sent_at', 'historical_migration']],
  ['REST validate HTTP/1.1', ['events', 'context', 'sent_at', 'validate_only', 'historical']],
])('the members of a request itself have values of every type: %s', (name, members) => {
  const chance = createChance();
  const target = targets.find((one) => one.name === name)!;
  const bodies = Array.from({ length: 1_500 }, () => makeRequest(chance, target, ports).body);
  const types = typesIn(bodies);
  for (const member of members) {
    const had = types.get(member) ?? new Set();
    expect([member, ...every.filter((type) => had.has(type))]).toEqual([member, ...every]);
  }
});

test('every endpoint that takes JSON says which members it reads, or takes a list or a message', () => {
  const silent = targets.filter(
    ({ isJson, members, port, path }) =>
      isJson &&
      members === undefined &&
      port === 'public' &&
      /^\/(v1|batch|capture|i)\b/.test(path),
  );
  const allowed = /^(webhook|CloudEvents)/;
  expect(silent.map(({ name }) => name).filter((name) => !allowed.test(name))).toEqual([]);
});

test('a field of a message gets another wire type', () => {
  const chance = createChance();
  // 1: varint 5; 2: a text.
  const message = Buffer.from([0x08, 0x05, 0x12, 0x01, 0x61]);
  const first = new Set<number>();
  for (let count = 0; count < 200; count += 1) first.add(swapWireType(chance, message)[0]!);
  expect(first.size).toBeGreaterThan(7);
});
