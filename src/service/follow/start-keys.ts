import type { Config, WriteKey } from '../../config/config.ts';
import { keyIdOf } from '../../config/write-key.ts';
import { openKeyBucket } from '../../jetstream/bucket/bucket.ts';
import type { Log } from '../../jetstream/log.ts';
import { createKeyContents, type KeyChange, type KeyContents } from '../../keys/contents.ts';
import { createKeyFollower } from '../../keys/follow-keys.ts';
import { createKeyEditor } from '../../keys/key-editor.ts';
import { countKeys, listKeys, type KeyCounts } from '../../keys/key-list.ts';
import { createLastUsed } from '../../keys/last-used.ts';
import { createGauge } from '../../observability/metric-families.ts';
import type { Metrics } from '../../observability/metrics.ts';
import type { Signals } from '../../observability/signals.ts';
import type { KeyServiceOptions } from '../../operators/key-service.ts';
import type { Lifecycle } from '../lifecycle.ts';
import { readFirst } from './read-first.ts';

export interface KeyParts {
  readonly config: Config;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly signals: Signals;
  readonly lifecycle: Lifecycle;
  /** Called with each change of the keys of the log, and with all of them at the start. */
  readonly onChange: (changes: readonly KeyChange[]) => void;
  /** The ids of the keys that the gate has accepted since the last call. */
  readonly takeUsed: () => readonly string[];
}

/** The write keys: those of the log, and those of the configuration in force. */
export interface ServiceKeys {
  readonly ofLog: Pick<KeyContents, 'keys'>;
  /** All that are not revoked. The same list until one of them changes. */
  readonly notRevoked: () => readonly WriteKey[];
  /** Also the sources of webhooks in force. */
  useFileKeys(changed: Pick<Config, 'keys' | 'webhooks'>): void;
  readonly forOperators: KeyServiceOptions;
}

/**
 * Follows the write keys that are kept in the log, and returns what operators need to read and change
 * them. Throws a StartError if they cannot be read.
 */
export async function startKeys(parts: KeyParts): Promise<ServiceKeys> {
  const { config, log, signals, lifecycle, takeUsed } = parts;
  const bucket = openKeyBucket(log);
  const contents = createKeyContents();
  let { keys: ofFile, webhooks } = config;
  let notRevoked: readonly WriteKey[] | undefined;
  const onChange = (changes: readonly KeyChange[]): void => {
    notRevoked = undefined;
    const keys = contents.keys();
    signals.keysChanged(
      changes.map(({ id }) => id),
      keys.map(({ source }) => source),
      keys.filter(({ revokedAtMs }) => revokedAtMs === undefined).length,
    );
    parts.onChange(changes);
  };
  const follower = createKeyFollower({ bucket, contents, signals, onChange });
  // Without the bucket of keys producers would be refused for good.
  await readFirst(
    follower.refresh,
    (failure) =>
      `The write keys of the log cannot be read: ${failure}. Look at the stream KV_headgate_keys, and start again.`,
  );
  follower.start();
  lifecycle.onRelease('write keys', follower.stop);
  const onTrouble = (error: unknown): void =>
    signals.trouble('writing when keys were last used', error);
  const lastUsed = createLastUsed({ bucket, contents, takeUsed, onTrouble });
  lastUsed.start();
  lifecycle.onRelease('last use of write keys', lastUsed.stop);
  exposeKeys(parts.metrics, () => countKeys(contents, ofFile));
  if (config.auth === 'keys' && config.keys.length + contents.size() === 0) signals.keysMissing();
  return {
    ofLog: contents,
    notRevoked: () =>
      (notRevoked ??= [
        ...ofFile,
        ...contents.keys().filter(({ revokedAtMs }) => revokedAtMs === undefined),
      ]),
    useFileKeys: (changed) => {
      ({ keys: ofFile, webhooks } = changed);
      notRevoked = undefined;
    },
    forOperators: {
      editor: createKeyEditor({
        bucket,
        contents,
        refresh: follower.refresh,
        fileKeyOf: (id) => ofFile.find(({ hash }) => keyIdOf(hash) === id),
      }),
      refresh: follower.refresh,
      list: () => {
        lastUsed.collect();
        return listKeys({ keys: contents.keys, lastUsedAtMs: lastUsed.lastUsedAtMs }, ofFile);
      },
      auth: config.auth,
      webhooks: () => webhooks,
      requestBytesMax: config.limits.requestBytesMax,
    },
  };
}

function exposeKeys({ registry }: Metrics, count: () => KeyCounts): void {
  createGauge(
    registry,
    {
      name: 'headgate_keys',
      help: 'Write keys that are kept in the log, by state.',
      labels: ['state'],
    },
    () => {
      const counts = count();
      return (['in_force', 'expired', 'revoked'] as const).map((state) => ({
        labels: [state],
        value: counts[state],
      }));
    },
  );
  createGauge(
    registry,
    {
      name: 'headgate_keys_expiring',
      help: 'Write keys that expire within 14 days and are in use.',
      labels: [],
    },
    () => [{ labels: [], value: count().expiringInUse }],
  );
}
