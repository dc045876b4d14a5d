import { expect, test } from 'vitest';
import { parse } from 'yaml';

import { settings } from '../../config/settings.ts';
import { initFiles } from './files.ts';

const { text } = initFiles('shop').find(({ path }) => path === 'headgate.yaml')!;

/** The settings that stand in comments: `listen: 127.0.0.1:8080` as `listen`, those of a table with its name. */
function commented(): [path: string, value: unknown][] {
  const lines = text.split('\n').filter((line) => /^# +[a-z_]+:( [^ ]|$)/.test(line));
  const tree = parse(lines.map((line) => line.slice(2)).join('\n')) as Record<string, unknown>;
  return Object.entries(tree).flatMap(([name, value]) =>
    value !== null && typeof value === 'object'
      ? Object.entries(value).map(([inner, own]): [string, unknown] => [`${name}.${inner}`, own])
      : [[name, value] as [string, unknown]],
  );
}

/** What a person writes in its place: not a default. */
const examples = ['auth', 'keys'];

test('each default in a comment of headgate.yaml is the default', () => {
  const defaults = commented().filter(([path]) => !examples.includes(path));
  expect(defaults.map(([path]) => path)).toEqual([
    'listen',
    'log.retention',
    'log.storage_bytes_max',
  ]);
  for (const [path, value] of defaults) {
    expect([path, value]).toEqual([path, settings[path as keyof typeof settings].default]);
  }
});
