import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { zstdDecompressSync } from 'node:zlib';

import { expect, vi } from 'vitest';

import type { DestinationSettings, DestinationType } from '../../src/destinations/destination.ts';
import { readKey, type ArchiveObject } from '../../src/destinations/objects/object-key.ts';
import type { ObjectStore } from '../../src/destinations/objects/object-store.ts';
import type { FarSide } from '../destinations/conformance.ts';
import { never, readAll } from '../destinations/deliveries.ts';
import { spoolOf, takenBy, waitingIn } from '../destinations/parquet-far-side.ts';

export const prefix = 'events/';

/** A folder for a spool of its own, and a bucket that `store` reads without the destination. */
export interface ArchiveFarSide {
  readonly settings: DestinationSettings;
  readonly spool: string;
  readonly store: ObjectStore;
  /** Every object of events, by what its key says. */
  objects(): Promise<(ArchiveObject & { readonly key: string })[]>;
  /** The stored events in all objects, as lines of text. */
  lines(): Promise<string[]>;
  /** How many events the spool has taken so far. */
  spooled(): number;
  /** Resolves when no event is in the spool, and every file of it is in the bucket. */
  untilUploaded(timeoutMs?: number): Promise<void>;
  close(): void;
}

export function createArchiveFarSide(
  type: DestinationType,
  store: ObjectStore,
  more: DestinationSettings,
): ArchiveFarSide {
  const spool = mkdtempSync(path.join(tmpdir(), 'headgate-archive-'));
  const defaults = Object.entries(type.settings).map(
    ([name, setting]) => [name, setting.default ?? null] as const,
  );
  const own = { prefix, spool, flush_interval: 50, ids_kept: 60_000, file_events_max: 50_000 };
  const limits = { busy_timeout: 1_000, timeout: 2_000 };
  const objects: ArchiveFarSide['objects'] = async () =>
    (await readAll(store.list(prefix, never))).flatMap(({ key }) => {
      const read = readKey(prefix, key);
      return read === undefined ? [] : [{ ...read, key }];
    });
  return {
    settings: { ...Object.fromEntries(defaults), ...own, ...limits, ...more },
    spool,
    store,
    objects,
    async lines() {
      const bodies = (await objects()).map(({ key }) => store.get(key, never));
      return (await Promise.all(bodies)).flatMap((body) =>
        zstdDecompressSync(body).toString().trimEnd().split('\n'),
      );
    },
    spooled: () => takenBy(spool),
    async untilUploaded(timeout = 20_000) {
      const waiting = (): unknown => [
        waitingIn(spool),
        readdirSync(spool, { recursive: true, encoding: 'utf8' }).filter((name) =>
          name.endsWith('.parquet'),
        ).length,
      ];
      await vi.waitFor(() => expect(waiting()).toEqual([0, 0]), { timeout });
    },
    close: () => rmSync(spool, { recursive: true, force: true }),
  };
}

export const idOf = (line: string): string => (JSON.parse(line) as { eventId: string }).eventId;

/** For the conformance suite: what fails is the spool, as at the `parquet` destination. */
export function asFarSide(archive: ArchiveFarSide): FarSide {
  let blocker: DatabaseSync | undefined;
  const lock = (): void => {
    blocker = new DatabaseSync(spoolOf(archive.spool), { timeout: 5_000 });
    blocker.exec('BEGIN IMMEDIATE');
  };
  const unlock = (): void => {
    blocker?.close();
    blocker = undefined;
  };
  return {
    settings: archive.settings,
    async counted() {
      await archive.untilUploaded();
      return (await archive.lines()).map(idOf);
    },
    goDown: lock,
    comeUp: unlock,
    stall: lock,
    unstall: unlock,
    oversize: { propertyBytes: 8 * 1024 * 1024, outcome: { kind: 'delivered' } },
    close() {
      unlock();
      archive.close();
    },
  };
}
