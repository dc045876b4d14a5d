import { onTestFinished } from 'vitest';

import { EventEncoder } from '../encode-event.ts';
import { DiskSpool } from './disk-spool.ts';
import type { DiskSpoolOptions, SpoolSignals } from './spool.ts';

const mib = 1024 * 1024;
const ignored: SpoolSignals = {
  dropped: () => {},
  damaged: () => {},
  trouble: () => {},
  readable: () => {},
};

/** Opens a spool, which is closed with the test. `left`: events of an earlier one. */
export async function openDiskSpool(
  directory: string,
  signals: Partial<SpoolSignals>,
  overrides: Partial<DiskSpoolOptions> = {},
): Promise<{ readonly spool: DiskSpool; readonly left: number }> {
  const options: DiskSpoolOptions = {
    directory,
    bytesMax: 4 * mib,
    fsync: 'none',
    fsyncIntervalMs: 10,
    whenFull: 'reject',
    unwrittenBytesMax: 64 * mib,
    ...overrides,
  };
  const spool = new DiskSpool(options, { ...ignored, ...signals });
  const left = await spool.open();
  onTestFinished(() => spool.close());
  return { spool, left };
}

const encoder = new EventEncoder({ context: undefined, eventBytesMax: mib });

/** Appends events numbered from `first`, in one turn of the event loop, of about `bytes` each. */
export function appendEvents(
  spool: DiskSpool,
  first: number,
  count: number,
  bytes: number,
): Promise<unknown> {
  const text = 'x'.repeat(bytes);
  return Promise.all(
    Array.from({ length: count }, (_, index) =>
      spool.append(
        encoder.encode({ eventName: `event_${first + index}`, userId: 'u', properties: { text } }),
        undefined,
      ),
    ),
  );
}
