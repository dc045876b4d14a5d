import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

import type { Config } from '../config/config.ts';
import { StartError } from '../errors.ts';
import { parseServerUrl } from '../jetstream/connection.ts';
import type { ServerAddress } from '../jetstream/server/embedded-server.ts';
import type { Log } from '../jetstream/log.ts';
import { openLog } from '../jetstream/open-log.ts';

/** Connects to the log of a Headgate that is running, to read it. Throws a StartError. */
export function openRunningLog(config: Config): Promise<Log> {
  return openLog({
    address: addressOf(config),
    durability: 'async',
    streamsDir: undefined,
    // The running gate has made the streams.
    topology: undefined,
    publishTimeoutMs: config.nats.publishTimeoutMs,
    onStatus: () => {},
  });
}

/** The NATS of the log of a Headgate that is running. Throws a StartError. */
export function addressOf({ nats, dataDir }: Config): ServerAddress {
  if (nats.url !== undefined) return parseServerUrl(nats.url);
  // Written by the embedded server, readable by its user only, and removed when it stops.
  const file = path.join(dataDir, 'nats', 'client.json');
  if (!existsSync(file)) {
    throw new StartError(
      `No Headgate is running on ${path.resolve(dataDir)}, and this reads the log of one that is. ` +
        'Start it, or name its settings: --config, HEADGATE_DATA_DIR or HEADGATE_NATS_URL.',
    );
  }
  const { url, user, password } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>;
  return { servers: [url!], user: user!, password: password! };
}
