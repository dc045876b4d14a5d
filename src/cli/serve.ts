import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';

import { Command } from 'commander';

import { formatAddress, formatListenAddress, isSocket } from '../config/address.ts';
import type { Config, ListenAddress } from '../config/config.ts';
import { configFileOf, readConfig } from '../config/read-config.ts';
import { destinationTypes } from '../destinations/registry.ts';
import { observingText } from '../observability/signals.ts';
import { prepareRuntime } from '../service/runtime.ts';
import type { ServerEnv } from '../jetstream/server/server-memory.ts';
import type { Service } from '../service/service.ts';
import type { ConfigReader } from '../service/follow/take-configuration.ts';
import type { CommandContext } from './command-context.ts';
import { configOption } from './shared-options.ts';
import { shellWord } from './terminal/shell-word.ts';

/** `headgate serve`: runs the gate, delivery and the log until a signal stops it. */
export function serveCommand(context: CommandContext): Command {
  return new Command('serve')
    .description('run the gate, the delivery workers and, unless HEADGATE_NATS_URL is set, the log')
    .addOption(configOption())
    .addHelpText(
      'after',
      `
Settings: headgate.yaml (headgate init writes one, with comments) and HEADGATE_* variables; headgate doctor
checks them. Ctrl-C drains and stops; a second one, a second later, cuts off.

Exit code: 0 when it was stopped, 1 when it could not start.

Example:
  $ HEADGATE_LISTEN=127.0.0.1:9090 headgate serve`,
    )
    .action((options: { config?: string }) => serve(context, options.config));
}

async function serve(context: CommandContext, configFile: string | undefined): Promise<void> {
  prepareRuntime();
  const read = (readFile: (file: string) => string): Config =>
    readConfig({ env: context.env, configFile, readFile, destinationTypes });
  await runService({
    config: read((file) => readFileSync(file, 'utf8')),
    searchPath: context.env['PATH'] ?? '',
    serverEnv: context.env,
    configReader: { file: configFileOf({ env: context.env, configFile }), read },
    welcome,
  });
}

/** Two signals this close are one Ctrl-C: the terminal sends it, and npm sends it again. */
const sameSignalMs = 1000;

export interface RunOptions {
  readonly config: Config;
  /** The directories to search for nats-server, in the format of PATH. */
  readonly searchPath: string;
  /** The environment of the embedded nats-server. */
  readonly serverEnv: ServerEnv;
  readonly configReader: ConfigReader;
  /** What people read once it runs. */
  readonly welcome: (service: Service, config: Config, isTerminal: boolean) => string;
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
  console.error(welcome(service, config, process.stderr.isTTY === true));
  await stopped.promise;
  await service.stop();
}

/** What people read once it runs. The link to sign in is for a person at a terminal: a log would keep it. */
export function welcome(service: Service, config: Config, isTerminal: boolean): string {
  const lines: string[] = [];
  if (service.address !== undefined) {
    lines.push(
      `Headgate takes events on ${urlOf(service.address, config)} (gRPC, gRPC-Web, Connect, JSON).`,
    );
    if (service.observing()) lines.push(`${capitalised(observingText)}.`);
    // Other contracts would reject this event.
    const { event_name: name, properties } = example;
    if (service.observing() || service.keepsContract(name, properties)) {
      lines.push('Try:', '', ...exampleCall(service.address, config), '');
    }
  }
  const admin = `http${config.admin.tls === undefined ? '' : 's'}://${formatAddress(service.adminAddress)}`;
  lines.push(
    `Console: ${admin}/`,
    // Only for a person at a terminal: a log would keep it.
    ...(isTerminal
      ? [`  sign in once, within 10 minutes: ${admin}/#code=${service.makeSignInCode()}`]
      : []),
    `Metrics and health: ${admin}/metrics`,
    `Data: ${config.dataDir}. Ctrl-C drains and stops.`,
  );
  return lines.join('\n');
}

function capitalised(text: string): string {
  return text[0]!.toUpperCase() + text.slice(1);
}

const example = {
  event_name: 'order_completed',
  user_id: 'u-1',
  properties: { order_id: 'A-1001', total: 49.9, currency: 'EUR' },
};

/** What a client is given to connect to: a URL, or `unix:PATH`. */
export function urlOf(address: ListenAddress, { tls }: Pick<Config, 'tls'>): string {
  const text = formatListenAddress(address);
  return isSocket(address) ? text : `${tls === undefined ? 'http' : 'https'}://${text}`;
}

function exampleCall(address: ListenAddress, config: Config): string[] {
  const base = isSocket(address)
    ? `--unix-socket ${address.socketPath} http://localhost`
    : urlOf(address, config);
  const { event_name, user_id, properties } = example;
  const event = { event_name, user_id, idempotency_key: randomUUID(), properties };
  return [
    `  curl ${base}/v1/track -H 'content-type: application/json' \\`,
    ...(config.auth === 'keys' ? ["    -H 'authorization: Bearer YOUR_WRITE_KEY' \\"] : []),
    `    -d '${JSON.stringify(event)}'`,
    ...exampleQuery(config),
  ];
}

/** Of an SQLite destination with the table of all events; empty without one. */
function exampleQuery({ destinations, dataDir }: Config): string[] {
  const warehouse = destinations.find(
    ({ type, settings }) => type === 'sqlite' && settings['tables'] !== 'per_event',
  );
  if (warehouse === undefined) return [];
  const file = path.resolve(String(warehouse.settings['path']));
  const isDefault = file === path.resolve(dataDir, 'warehouse.db');
  const db = isDefault ? '' : `--db ${shellWord(file)} `;
  return ['', `  npx headgate query ${db}'select event_name, user_id, timestamp from events'`];
}
