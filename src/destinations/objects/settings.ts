import { StartError } from '../../errors.ts';
import type { DestinationSetting, DestinationSettings } from '../destination.ts';
import { tableSettings } from '../tables/table-mode.ts';

/** The settings of every type that writes objects. */
export const archiveSettings = {
  prefix: {
    type: 'string',
    default: null,
    text: 'What the keys begin with, such as `events/`.',
  },
  format: {
    type: 'enum',
    default: 'ndjson',
    options: ['ndjson', 'parquet'],
    text: 'How whole events are written: as lines of JSON, compressed (.ndjson.zst), or as rows of Parquet.',
  },
  ...tableSettings,
  spool: {
    type: 'path',
    isMade: true,
    isOwn: true,
    text: 'A folder on a local disk, for events that are in no object yet. It is created.',
  },
  flush_interval: {
    type: 'duration',
    default: '5m',
    min: '10ms',
    max: '1h',
    text: 'How long events wait for others to be in one object with, at most.',
  },
  file_events_max: {
    type: 'integer',
    default: 50_000,
    min: 1,
    max: 1_000_000,
    text: 'Events of a day that are written together. So many are written before flush_interval is over.',
  },
  ids_kept: {
    type: 'duration',
    default: '7d',
    min: '1s',
    text: 'How long after it was written a second copy of an event is known as one.',
  },
  busy_timeout: {
    type: 'duration',
    default: '5s',
    min: '1ms',
    max: '1m',
    text: 'How long a batch waits for the spool while a file is being taken from it.',
  },
  timeout: {
    type: 'duration',
    default: '1m',
    min: '100ms',
    max: '10m',
    text: 'How long one object may take, a repetition included.',
  },
} as const satisfies Readonly<Record<string, DestinationSetting>>;

/** Part of a key: no empty parts, and nothing that needs quotes anywhere. */
const prefixPattern = /^(?:[\w.=-]+\/)*[\w.=-]*$/;
const prefixCharactersMax = 256;

/** The names of buckets at AWS, Google and others. */
const bucketPattern = /^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/;

/** Throws a StartError that names the setting to fix. */
export function readBucket(name: string, settings: DestinationSettings): string {
  const bucket = String(settings['bucket']);
  if (!bucketPattern.test(bucket)) {
    throw new StartError(
      `destinations.${name}.bucket: it is not the name of a bucket: use lower-case letters, digits, ".", "_" and "-"`,
    );
  }
  const prefix = String(settings['prefix'] ?? '');
  if (!prefixPattern.test(prefix) || prefix.length > prefixCharactersMax) {
    throw new StartError(
      `destinations.${name}.prefix: use at most ${prefixCharactersMax} letters, digits and ". _ = -", with "/" between, as in events/`,
    );
  }
  return bucket;
}
