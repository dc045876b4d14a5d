import { readFileSync } from 'node:fs';
import path from 'node:path';

import { Command } from 'commander';

import { formatAddress } from '../../config/address.ts';
import type { Config } from '../../config/config.ts';
import { configFileOf } from '../../config/read-config.ts';
import { writeKeyPrefix } from '../../config/write-key.ts';
import { StartError } from '../../errors.ts';
import { prepareRuntime } from '../../service/runtime.ts';
import type { Service } from '../../service/service.ts';
import type { CommandContext } from '../command-context.ts';
import { readSource } from '../keys/key-values.ts';
import { runService, urlOf } from '../serve.ts';
import { configOption } from '../shared-options.ts';
import { shellWord } from '../terminal/shell-word.ts';
import { caVariable, keyVariable, readRelayConfig, toVariable } from './relay-config.ts';

interface Options {
  readonly to?: string;
  readonly key?: string;
  readonly ca?: string;
  readonly source?: string;
  readonly listen?: string;
  readonly config?: string;
}

/** `headgate relay`: a gate beside the application, which forwards to another gate. */
export function relayCommand(context: CommandContext): Command {
  return new Command('relay')
    .description('take events on this machine, keep them on its disk and forward them to a gate')
    .option('--to <url>', `the gate that events go to (or ${toVariable})`)
    .option('--key <file>', `a file with the write key of that gate (or the key in ${keyVariable})`)
    .option('--ca <file>', `the CAs that signed its certificate, in PEM (or ${caVariable})`)
    .option('--source <name>', 'the source of every event, while auth is off', readSource)
    .option('--listen <address>', 'host:port, or unix:PATH for a Unix socket (default: listen)')
    .addOption(configOption())
    .addHelpText(
      'after',
      `
Takes events at --listen (default 127.0.0.1:8080) by every protocol of a gate, syncs each to its disk before it
acknowledges, and gives the verdict of the far gate's contracts also while that is away. A full disk is
answered with retry.

Exit code: 0 when it was stopped, 1 when it could not start.

Example:
  $ headgate relay --to https://gate.example --key /etc/headgate/relay.key --source shop-fra
  $ headgate relay --to https://gate.example --key relay.key --listen unix:/run/headgate/relay.sock`,
    )
    .action((options: Options) => relay(context, options));
}

async function relay({ env }: CommandContext, options: Options): Promise<void> {
  prepareRuntime();
  const key = options.key === undefined ? undefined : readKey(options.key);
  const all = { ...options, key };
  const read = (readFile: (file: string) => string): Config => readRelayConfig(env, all, readFile);
  await runService({
    config: read((file) => readFileSync(file, 'utf8')),
    searchPath: env['PATH'] ?? '',
    // Memory belongs to the application on this host.
    serverEnv: { ...env, GOGC: env['GOGC'] || '100' },
    configReader: { file: configFileOf({ env, configFile: options.config }), read },
    welcome,
  });
}

/** Never shows its argument: it may be the key itself, by mistake. */
function readKey(file: string): string {
  if (file.startsWith(writeKeyPrefix)) {
    throw new StartError(
      '--key takes the path of a file: on the command line, every user of this machine could read ' +
        `the key. Revoke this one at its gate, and set ${keyVariable} or write a file.`,
    );
  }
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code;
    throw new StartError(`The file of --key cannot be read (${why}).`, { cause });
  }
}

function welcome({ address, adminAddress }: Service, config: Config): string {
  const { destinations, dataDir } = config;
  const { url } = destinations[0]!.settings;
  const admin = `http${config.admin.tls === undefined ? '' : 's'}://${formatAddress(adminAddress)}`;
  return [
    `Relay takes events on ${urlOf(address!, config)} and forwards them to ${url}.`,
    `Metrics and health: ${admin}/metrics`,
    'How far behind it is:',
    `  HEADGATE_DATA_DIR=${shellWord(path.resolve(dataDir))} headgate destinations --admin ${admin}`,
    `Data: ${dataDir}. Ctrl-C drains and stops.`,
  ].join('\n');
}
