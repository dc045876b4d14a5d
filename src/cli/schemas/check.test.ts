import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { schemasCheckCommand } from './check.ts';

const printed: string[] = [];

beforeEach(() => {
  printed.length = 0;
  vi.spyOn(console, 'log').mockImplementation((line: string) => void printed.push(line));
});

afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

async function check(...options: string[]): Promise<string> {
  await schemasCheckCommand({ env: {} }).parseAsync(options, { from: 'user' });
  return printed.join('\n');
}

test('prints every event with its versions', async () => {
  const text = await check('--schemas', 'schemas');
  expect(text).toContain('4 events in schemas, all sound:');
  expect(text).toMatch(/order_completed +enforce +1, 2 \(active\)/);
  expect(process.exitCode).toBeUndefined();
});

test('prints the faults and exits with 1', async () => {
  const text = await check('--schemas', '/nowhere/at/all');
  expect(text).toContain('1 fault in /nowhere/at/all:');
  expect(text).toContain('taxonomy.yaml: there is no such file');
  expect(process.exitCode).toBe(1);
});

test('prints JSON for programs', async () => {
  const { sound, events, faults } = JSON.parse(await check('--schemas', 'schemas', '--json'));
  expect(sound).toBe(true);
  expect(faults).toEqual([]);
  expect(events[0]).toMatchObject({ name: 'order_completed', active: 2, versions: [1, 2] });
});

test('names what is wrong and how to fix it, for programs', async () => {
  const { sound, faults } = JSON.parse(await check('--schemas', '/nowhere/at/all', '--json'));
  expect(sound).toBe(false);
  expect(faults).toEqual([
    {
      file: 'taxonomy.yaml',
      problem: expect.stringContaining('no such file'),
      mending: expect.stringContaining('HEADGATE_SCHEMAS_DIR'),
    },
  ]);
});

test('has an example in its help', () => {
  let help = '';
  const writeOut = (text: string): void => void (help += text);
  schemasCheckCommand({ env: {} }).configureOutput({ writeOut }).outputHelp();
  expect(help).toContain('$ headgate schemas check --schemas ./schemas');
});
