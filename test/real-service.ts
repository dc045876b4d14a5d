import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { formatAddress, formatListenAddress } from '../src/config/address.ts';
import type { Config } from '../src/config/config.ts';
import { readConfig } from '../src/config/read-config.ts';
import { destinationTypes } from '../src/destinations/registry.ts';
import type { Logger } from '../src/observability/logger.ts';
import { createService, type Service } from '../src/service/service.ts';
import { adminToken } from './admin-token.ts';
import { httpEngine } from './http-engine.ts';

/** The whole of Headgate in this process, on free loopback ports. */
export interface RealService extends AsyncDisposable {
  readonly service: Service;
  readonly config: Config;
  /** `http://127.0.0.1:<port>` of the doors; empty without the role `gate`. */
  readonly url: string;
  /** The same of the operators' port. */
  readonly adminUrl: string;
  readonly dataDir: string;
  /** Stops it and keeps the data directory, for a start that follows. Disposal does both. */
  stop(): Promise<void>;
}

export interface RealServiceOverrides {
  /** Over those of the test. With HEADGATE_DATA_DIR the folder is the caller's to delete. */
  readonly env?: Readonly<Record<string, string>>;
  /** The text of headgate.yaml: `keys` and `destinations` have no variables. */
  readonly yaml?: string;
  /** A file in the place of `yaml`. The service follows it, as `headgate serve` does. */
  readonly followed?: string;
  /** Else nothing is logged. */
  readonly logger?: Logger;
  /** Where the built console is. */
  readonly consoleFolder?: string;
  /** Laid over the configuration as it was read. */
  readonly config?: Partial<Config>;
}

/** Starts the service as `headgate serve` does, with a data directory of its own. */
export async function startRealService(overrides: RealServiceOverrides = {}): Promise<RealService> {
  const kept = overrides.env?.['HEADGATE_DATA_DIR'];
  const dataDir = kept ?? (await mkdtemp(path.join(tmpdir(), 'headgate-service-')));
  const removeData = async (): Promise<void> => {
    if (kept === undefined)
      await rm(dataDir, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  };
  try {
    const { followed } = overrides;
    const read = (readFile: (file: string) => string): Config =>
      configOf(overrides, dataDir, readFile);
    const config = read(() =>
      followed === undefined ? (overrides.yaml ?? '') : readFileSync(followed, 'utf8'),
    );
    const service = await createService(config, {
      searchPath: process.env['PATH'] ?? '',
      serverEnv: { ...process.env, ...overrides.env },
      ...(overrides.logger !== undefined && { logger: overrides.logger }),
      consoleFolder: overrides.consoleFolder,
      ...(followed !== undefined && { configReader: { file: followed, read } }),
    });
    const { address, adminAddress } = service;
    return {
      service,
      config,
      url: address === undefined ? '' : `http://${formatListenAddress(address)}`,
      adminUrl: `http://${formatAddress(adminAddress)}`,
      dataDir,
      stop: () => service.stop(),
      [Symbol.asyncDispose]: async () => {
        await service.stop();
        await removeData();
      },
    };
  } catch (error) {
    await removeData();
    throw error;
  }
}

function configOf(
  overrides: RealServiceOverrides,
  dataDir: string,
  readFile: (file: string) => string,
): Config {
  const serverBin = process.env['HEADGATE_NATS_SERVER_BIN'];
  const config = readConfig({
    env: {
      HEADGATE_LISTEN: '127.0.0.1:0',
      HEADGATE_ADMIN_LISTEN: '127.0.0.1:0',
      HEADGATE_ADMIN_TOKEN: adminToken,
      HEADGATE_DATA_DIR: dataDir,
      HEADGATE_HTTP_ENGINE: httpEngine,
      HEADGATE_LOG_LEVEL: 'silent',
      // A connection that a test's client keeps open must not hold the end of the test.
      HEADGATE_SHUTDOWN_GRACE: '1s',
      HEADGATE_LOG_STORAGE_BYTES_MAX: '256MiB',
      ...(serverBin !== undefined && { HEADGATE_NATS_SERVER_BIN: serverBin }),
      ...overrides.env,
    },
    configFile: overrides.followed ?? 'headgate.yaml',
    readFile,
    destinationTypes,
  });
  return { ...config, ...overrides.config };
}
