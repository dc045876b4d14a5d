import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';

import type { Config } from '../config/config.ts';
import { StartError } from '../errors.ts';
import { readCertificate } from '../gate/certificate.ts';
import type { GateCredentials } from '../gate/gate.ts';
import type { Signals } from '../observability/signals.ts';

/** How the configuration is read again. */
export interface ConfigReader {
  /** The path of headgate.yaml, whether it exists or not. */
  readonly file: string;
  /** Throws a StartError that lists every fault. */
  readonly read: () => Config;
}

export interface FollowFilesOptions {
  readonly config: Config;
  readonly reader: ConfigReader;
  readonly signals: Signals;
  readonly onChange: (credentials: GateCredentials) => void;
}

export interface FollowedFiles {
  stop(): void;
}

/**
 * A change applies when two looks in a row find the same: within the second, and not while a file is
 * half written. Contents are compared, because Kubernetes swaps symlinks and watches lose them.
 */
const lookIntervalMs = 250;

/**
 * Follows keys, webhooks and the TLS files until `stop`. Looks at their contents, and at SIGHUP reads
 * them at once. A change that cannot be used is reported, and what was in force stays.
 */
export function followFiles(options: FollowFilesOptions): FollowedFiles {
  const { config, reader, signals } = options;
  const paths = [reader.file, config.tls?.cert, config.tls?.key, config.tls?.clientCa].filter(
    (file) => file !== undefined,
  );
  const reload = createReload(options);
  let applied: string | undefined;
  let last: string | undefined;
  const look = async (): Promise<void> => {
    const found = await digestOf(paths);
    if (stopped) return;
    // The first look compares with what the start has read a moment ago.
    if (found === last && found !== applied) {
      const first = applied === undefined;
      applied = found;
      reload(first);
    }
    last = found;
  };
  let looking = false;
  let stopped = false;
  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    void look()
      .catch((error: unknown) => signals.trouble('following files', error))
      .finally(() => (looking = false));
  }, lookIntervalMs);
  timer.unref();
  const onHangUp = (): void => {
    reload(false);
    // What was just read need not be what the last look found.
    applied = undefined;
  };
  process.on('SIGHUP', onHangUp);
  return {
    stop: () => {
      stopped = true;
      clearInterval(timer);
      process.off('SIGHUP', onHangUp);
    },
  };
}

/** Returns a function that reads everything. `quietly`: says nothing if nothing differs. */
function createReload({ config, reader, signals, onChange }: FollowFilesOptions) {
  let inForce = config;
  const hasFile = existsSync(reader.file);
  const first = config.tls === undefined ? undefined : readCertificate(config.tls);
  let tlsFiles = first?.files;
  if (first !== undefined) signals.certificateServed(first.expiresAtMs);
  return (quietly: boolean): void => {
    let keysChanged = false;
    let certificateChanged = false;
    try {
      if (hasFile) checkFilled(reader.file);
      const next = reader.read();
      checkAuth(config, next, reader.file);
      keysChanged =
        !isDeepStrictEqual(next.keys, inForce.keys) ||
        !isDeepStrictEqual(next.webhooks, inForce.webhooks);
      const others = settingsThatNeedRestart(inForce, next);
      if (others.length > 0) signals.restartNeeded(others);
      inForce = next;
      if (keysChanged || !quietly) signals.reloaded('configuration');
    } catch (error) {
      signals.reloadFailed('configuration', error);
    }
    if (config.tls !== undefined) {
      try {
        const next = readCertificate(config.tls);
        certificateChanged = !isDeepStrictEqual(next.files, tlsFiles);
        tlsFiles = next.files;
        if (certificateChanged) signals.reloaded('certificate');
        signals.certificateServed(next.expiresAtMs);
      } catch (error) {
        signals.reloadFailed('certificate', error);
      }
    }
    if (keysChanged || certificateChanged) {
      onChange({ keys: inForce.keys, webhooks: inForce.webhooks, tlsFiles });
    }
  };
}

/** Throws a StartError for a file that is gone or empty: its defaults would revoke every key. */
function checkFilled(file: string): void {
  if (!existsSync(file)) throw new StartError(`${file} does not exist any more: put it back.`);
  if (readFileSync(file, 'utf8').trim() === '') throw new StartError(`${file} is empty: fill it.`);
}

/** `auth` is fixed at the start: a file without it is one that lost its beginning or its end. */
function checkAuth({ auth }: Config, next: Config, file: string): void {
  if (next.auth === auth) return;
  throw new StartError(
    `auth is ${auth} in the running gate, and ${next.auth} by ${file}: complete the file, or ` +
      'restart to change auth.',
  );
}

/** Names the parts of the configuration that differ, besides those that are followed. */
export function settingsThatNeedRestart(before: Config, after: Config): string[] {
  return (Object.keys(after) as (keyof Config)[]).filter(
    (name) =>
      name !== 'keys' &&
      name !== 'webhooks' &&
      !isDeepStrictEqual(comparable(before[name]), comparable(after[name])),
  );
}

/** Secrets are objects with functions: each reading makes others. */
function comparable(value: unknown): unknown {
  return JSON.stringify(value, (_name, each: unknown) => {
    if (each instanceof Set) return [...each];
    const reveal = (each as { reveal?: () => string } | null)?.reveal;
    return typeof reveal === 'function' ? reveal() : each;
  });
}

async function digestOf(paths: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const file of paths) {
    const content = await readFile(file).catch((error: NodeJS.ErrnoException) => error.code ?? '');
    hash.update(`${content.length}:`).update(content);
  }
  return hash.digest('hex');
}
