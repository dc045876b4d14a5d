import { describe, expect, it } from 'vitest';

import { streamSettings } from '../../src/jetstream/server/stream-settings.ts';
import { streamNames } from '../../src/jetstream/topology.ts';
import { natsStream } from '../nats-stream.ts';
import { readPage } from './markdown.ts';

const page = readPage('docs/operate/privacy.md');

/** The rows of a section's table, by the names in the first cell. */
function rowsOf(heading: string): Map<string, readonly string[]> {
  const section = page.split(`## ${heading}\n`)[1]!.split('\n## ')[0]!;
  const rows = section.split('\n').filter((line) => line.startsWith('| `'));
  return new Map(
    rows.flatMap((line) => {
      const cells = line.split('|').slice(1, -1);
      return [...cells[0]!.matchAll(/`(\w+)`/g)].map(([, name]) => [name!, cells] as const);
    }),
  );
}

describe('docs/operate/privacy.md', () => {
  const rows = rowsOf('In the log');

  it('has every stream, and no other', () => {
    expect([...rows.keys()].toSorted()).toEqual(
      [...streamNames.map(natsStream), 'EVENTS'].toSorted(),
    );
  });

  it('has the age at which a stream deletes', () => {
    const settings = streamSettings({
      storageBytesMax: 2 ** 34,
      dedupWindowMs: 600_000,
      replicas: 1,
      keepsSchemas: true,
      auditRetentionMs: 400 * 86_400_000,
    });
    for (const { name, max_age: age = 0 } of settings) {
      const days = age / 86_400e9;
      if (days < 1) continue;
      expect([name, rows.get(name)!.at(-1)]).toEqual([
        name,
        expect.stringContaining(`${days} days`),
      ]);
    }
    const aged = settings.filter(({ max_age: age = 0 }) => age >= 86_400e9);
    expect(aged.map(({ name }) => name).toSorted()).toEqual([
      'ADVISORIES',
      'ATTEMPTS',
      'AUDIT',
      'FILTERED',
      'KV_headgate_counts',
      'KV_headgate_limits',
    ]);
  });
});
