import { join, resolve } from 'node:path';
import { validateGlobs, validateSources } from './build-keys.ts';
import type { DestinationConfig } from '../config.ts';
import { buildFields } from './field-paths.ts';
import { type RawDestination, withWarehousePath } from '../gather/gather-destinations.ts';
import { isSecret } from '../secret.ts';
import type { ValuesOf } from '../setting.ts';
import { destinationSettings } from '../destination-settings.ts';
import { readStart } from './read-start.ts';
import { readTable } from './table-values.ts';

type CommonValues = ValuesOf<typeof destinationSettings>;

/** Reads the destinations whose type is known. */
export function buildDestinations(
  raws: readonly RawDestination[],
  dataDir: string,
  faults: string[],
): DestinationConfig[] {
  const warehousePath = join(dataDir, 'warehouse.db');
  const known = raws.filter((raw) => raw.settings !== undefined);
  const built = known.map((raw) => buildDestination(withWarehousePath(raw, warehousePath), faults));
  validateOwnFolders(known, built, faults);
  return built;
}

/** A second destination in the folder would find an event of the first there, and not write it itself. */
function validateOwnFolders(
  raws: readonly RawDestination[],
  built: readonly DestinationConfig[],
  faults: string[],
): void {
  const owners = new Map<string, string>();
  for (const [index, { name, from, settings, values }] of raws.entries()) {
    for (const [setting, { isOwn }] of Object.entries(settings ?? {})) {
      const folder = built[index]?.settings[setting];
      if (isOwn !== true || typeof folder !== 'string') continue;
      const owner = owners.get(resolve(folder));
      if (owner === undefined) {
        owners.set(resolve(folder), `destinations.${name}.${setting}`);
        continue;
      }
      faults.push(
        `${values.get(setting)?.from ?? `${from}.${setting}`}: is the folder of ${owner}, too, ` +
          'which knows by event id what is delivered: give each destination a folder of its own',
      );
    }
  }
}

function buildDestination(raw: RawDestination, faults: string[]): DestinationConfig {
  const table = readTable(raw.settings ?? {}, raw.values, (path) => `${raw.from}.${path}`, faults);
  const common = Object.fromEntries(table.values) as unknown as CommonValues;
  validateGlobs(common.events ?? [], table.from('events'), faults);
  validateSources(common.sources ?? [], table.from('sources'), faults);
  if (common['retry.base'] > common['retry.cap']) {
    faults.push(`${table.from('retry.base')}: is above retry.cap: lower it, or raise the other`);
  }
  const fields = buildFields(
    {
      allow: common['fields.allow'],
      drop: common['fields.drop'],
      hash: common['fields.hash'],
      hashKey: common['fields.hash_key'],
      from: (setting) => table.from(`fields.${setting}`),
    },
    faults,
  );
  const start = readStart(common.from ?? raw.startsFrom ?? 'now');
  if (start === undefined) {
    faults.push(
      `${table.from('from')}: is not a start: write earliest, now, an age such as 7d, or a time such as 2026-11-01T00:00:00Z`,
    );
  }
  const { transform: text, 'transform.script': file } = common;
  if (text !== undefined && file !== undefined) {
    faults.push(`${table.from('transform')}: is set, and so is transform.script: remove one`);
  }
  return {
    name: raw.name,
    type: raw.type,
    events: common.events ?? [],
    sources: common.sources ?? [],
    start,
    ...(text === undefined ? {} : { transform: { kind: 'jsonata' as const, text } }),
    ...(file === undefined ? {} : { transform: { kind: 'script' as const, file } }),
    ...(fields === undefined ? {} : { fields }),
    retry: {
      attempts: common['retry.attempts'],
      baseMs: common['retry.base'],
      capMs: common['retry.cap'],
      maxAgeMs: common['retry.max_age'],
    },
    ackWaitMs: common.ack_wait,
    whenFull: common.when_full,
    settings: ownSettings(table.values),
  };
}

/** Secrets are plain here, because the destination sends them. `describeConfig` masks them. */
function ownSettings(values: ReadonlyMap<string, unknown>): DestinationConfig['settings'] {
  const own: Record<string, string | number | boolean | null> = {};
  for (const [name, value] of values) {
    if (Object.hasOwn(destinationSettings, name)) continue;
    own[name] = isSecret(value) ? value.reveal() : asScalar(value);
  }
  return own;
}

/** Null for an optional setting that is absent. */
function asScalar(value: unknown): string | number | boolean | null {
  const isScalar =
    typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
  return isScalar ? value : null;
}
