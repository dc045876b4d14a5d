import { describe, expect, it } from 'vitest';

import { readConfig } from '../../src/config/read-config.ts';
import { idBytes } from '../../src/jetstream/server/server-memory.ts';
import { streamSettings } from '../../src/jetstream/server/stream-settings.ts';
import { destinationTypes } from '../../src/destinations/registry.ts';
import { readPage } from './markdown.ts';

const page = readPage('docs/operate/production.md');
const config = readConfig({
  env: {},
  configFile: 'headgate.yaml',
  readFile: () => '',
  destinationTypes,
});

/** The bytes of each stream, by its name, for a `log.storage_bytes_max`. */
function streamsOf(storageBytesMax: number): Map<string, number> {
  const settings = streamSettings({ storageBytesMax, dedupWindowMs: 600_000, replicas: 3 });
  return new Map(settings.map(({ name, max_bytes: bytes }) => [name, bytes ?? 0]));
}

const gigabytes = (bytes: number): string => (bytes / 1e9).toFixed(1);

describe('docs/operate/production.md, How large', () => {
  const eventBytes = 950;
  const kept = 100 * eventBytes * (config.log.retentionMs / 1000);
  const gibibytes = Number(/log\.storage_bytes_max: (\d+)GiB/.exec(page)![1]);

  it('sums up the disk as the streams are made', () => {
    expect(page).toContain(`100 × ${eventBytes} × 604,800 s = ${gigabytes(kept)} GB`);
    expect(page).toContain(`${gigabytes(kept)} ÷ 0.8 = ${gigabytes(kept / 0.8)} GB`);
    const streams = streamsOf(gibibytes * 2 ** 30);
    const events = streams.get('EVENTS_0')!;
    const aside = streams.get('ASIDE')!;
    expect(events / (events + aside)).toBeCloseTo(0.875, 4);
    const room = kept / 0.8 / 0.875;
    expect(page).toContain(`÷ 0.875 = ${gigabytes(room)} GB`);
    const sum = [...streams.values()].reduce((all, one) => all + one, 0);
    const others = sum - events - aside;
    expect(page).toContain(
      `${gigabytes(room)} + ${gigabytes(others)} = ${gigabytes(room + others)} GB`,
    );
    // Enough for what is kept, and not a gibibyte more than that.
    expect(events * 0.8).toBeGreaterThanOrEqual(kept);
    expect(streamsOf((gibibytes - 1) * 2 ** 30).get('EVENTS_0')! * 0.8).toBeLessThan(kept);
    expect(page).toContain(
      `${gigabytes(gibibytes * 2 ** 30)} ÷ 0.8 = ${((gibibytes * 2 ** 30) / 0.8 / 1e9).toFixed(0)} GB`,
    );
  });

  it('has the defaults of the configuration', () => {
    expect(config.log.retentionMs).toBe(7 * 86_400_000);
    const tableBytes = 1_000 * (config.log.dedupWindowMs / 1000) * idBytes;
    expect(page).toContain(
      `1,000 × ${config.log.dedupWindowMs / 1000} s × ${idBytes} = ${tableBytes / 1e6} MB`,
    );
    expect(config.limits.eventBytesMax).toBe(256 * 1024);
    const log = readPage('docs/reference/configuration/log.md');
    expect(log).toContain(`about ${idBytes} bytes`);
    expect(log).toContain(`are ${tableBytes / 1e6} MB`);
    for (const other of ['docs/understand/architecture.md', 'docs/operate/memory.md']) {
      expect(readPage(other)).toContain(`${idBytes} bytes`);
    }
  });

  it('has the rates of the performance page', () => {
    const performance = readPage('docs/operate/performance.md');
    expect(performance).toContain('| single REST calls | 15,200 to 16,800/s |');
    expect(performance).toContain('| batches of 500 | 35,000 to 39,000/s |');
    expect(performance).toContain('(218 MB)');
    for (const rate of [15_200, 35_000]) {
      const microseconds = Math.round(2e6 / rate);
      expect(page).toContain(
        `2 cores ÷ ${rate.toLocaleString('en-US')} = ${microseconds} µs | ${(microseconds / 1000).toFixed(2)} cores`,
      );
    }
    // A further destination: its figures stand in one place.
    expect(page).toContain('(performance-of-delivery.md#warehouses)');
    expect(readPage('docs/destinations/postgres.md')).not.toMatch(/\d events\/s/);
  });
});

describe('docs/operate/room.md', () => {
  it('has the sizes that the streams get by default', () => {
    const room = readPage('docs/operate/room.md');
    const streams = streamsOf(config.log.storageBytesMax);
    const events = streams.get('EVENTS_0')!;
    expect(room).toContain(
      `\`EVENTS\` has ${(events / 2 ** 30).toFixed(1)} GiB, or ${gigabytes(events)} GB`,
    );
    expect(room).toContain(`(${(streams.get('ASIDE')! / 2 ** 30).toFixed(1)} GiB)`);
    expect(room).toContain(`holds ${(events / 584 / 1e6).toFixed(1)} million`);
  });
});
