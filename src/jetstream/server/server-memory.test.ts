import { expect, test } from 'vitest';

import { serverMemory } from './server-memory.ts';

const gibibyte = 2 ** 30;

test('without variables: fewer collections than by default, and half of the memory', () => {
  const { env, bytesMax } = serverMemory({ PATH: '/bin' }, 4 * gibibyte);
  expect(env).toEqual({ PATH: '/bin', GOGC: '400', GOMEMLIMIT: String(2 * gibibyte) });
  expect(bytesMax).toBe(2 * gibibyte);
});

test.each([
  ['GOGC', '50'],
  ['GOGC', 'off'],
  ['GOMEMLIMIT', '3GiB'],
  ['GOMEMLIMIT', 'off'],
])('%s=%s of the operator stays', (name, value) => {
  expect(serverMemory({ [name]: value }, 4 * gibibyte).env[name]).toBe(value);
});

test('an empty variable counts as unset', () => {
  expect(serverMemory({ GOGC: '', GOMEMLIMIT: '' }, 4 * gibibyte)).toEqual(
    serverMemory({}, 4 * gibibyte),
  );
});

test.each([
  ['1073741824', gibibyte],
  ['1000B', 1000],
  ['512KiB', 512 * 1024],
  ['300MiB', 300 * 2 ** 20],
  ['3GiB', 3 * gibibyte],
  // More than the machine has, or without a limit: all that it has.
  ['1TiB', 4 * gibibyte],
  ['off', 4 * gibibyte],
  ['4 GB', 4 * gibibyte],
])('GOMEMLIMIT=%s leaves %d bytes of 4 GiB', (GOMEMLIMIT, bytes) => {
  expect(serverMemory({ GOMEMLIMIT }, 4 * gibibyte).bytesMax).toBe(bytes);
});

test('knows the memory of this machine', () => {
  const { bytesMax } = serverMemory({});
  expect(bytesMax).toBeGreaterThan(32 * 2 ** 20);
  expect(bytesMax).toBeLessThan(2 ** 46);
});
