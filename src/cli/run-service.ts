import type { Config } from '../config/config.ts';
import type { ConfigReader } from '../service/follow/take-configuration.ts';
import type { Service } from '../service/service.ts';

/** Two signals this close are one Ctrl-C: the terminal sends it, and npm sends it again. */
const sameSignalMs = 1000;

export interface RunOptions {
  readonly config: Config;
  /** The directories to search for nats-server, in the format of PATH. */
  readonly searchPath: string;
  readonly configReader: ConfigReader;
  /** What people read once it runs. */
  readonly welcome: (service: Service, config: Config) => string;
}

/** Runs a service until a signal stops it. Call `prepareRuntime` before the configuration is read. */
export async function runService(options: RunOptions): Promise<void> {
  const { config, welcome, ...overrides } = options;
  const stopped = Promise.withResolvers<void>();
  let firstSignalAt: number | undefined;
  const onSignal = (signal: NodeJS.Signals): void => {
    const now = performance.now();
    if (firstSignalAt === undefined) {
      firstSignalAt = now;
      console.error(`${signal}: draining (at most ${config.shutdownGraceMs} ms)`);
      stopped.resolve();
    } else if (now - firstSignalAt > sameSignalMs) {
      // A second Ctrl-C. Interrupted events are delivered again: only settled events count.
      process.exit(1);
    }
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  // The service reads its files again. Before it runs, and without a gate, there is nothing to
  // read.
  process.on('SIGHUP', () => {});
  // Loaded here: other commands do not need it, and it takes a third of a second.
  const { createService } = await import('../service/service.ts');
  const service = await createService(config, overrides);
  console.error(welcome(service, config));
  await stopped.promise;
  await service.stop();
}
