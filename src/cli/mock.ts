import { Command, Option } from 'commander';

import { formatListenAddress, parseAddress } from '../config/address.ts';
import { StartError } from '../errors.ts';
import type { CommandContext } from './command-context.ts';
import { commandSettings, schemasFolder, type SchemasOptions } from './command-settings.ts';
import { configOption, schemasOption } from './shared-options.ts';

interface MockCommandOptions extends SchemasOptions {
  readonly listen?: string;
}

/** `headgate mock`: the gate in memory, for the tests of a producer. */
export function mockCommand({ env }: CommandContext): Command {
  return new Command('mock')
    .description('a gate in memory for the tests of a producer: same verdicts, nothing stored')
    .addOption(schemasOption())
    .addOption(configOption())
    .addOption(new Option('--listen <address>', 'host:port; port 0: a free one (default: listen)'))
    .addHelpText(
      'after',
      `
Prints its address once it takes events, by any write key. GET /mock/good and GET /mock/bad have what it
accepted and rejected, POST /mock/reset forgets it: each of one test with ?test_id=ID. An event belongs to
the test of the header x-headgate-test-id of its request, or of its context.test_id.

Exit code: 0 when it was stopped, 1 when it could not start.

Example:
  $ headgate mock --schemas ./schemas --listen 127.0.0.1:0`,
    )
    .action(async (options: MockCommandOptions) => {
      const stopped = Promise.withResolvers<void>();
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stopped.resolve);
      const settings = commandSettings(options.config, env, [
        'listen',
        'enforcement',
        'limits.event_bytes_max',
      ]);
      const address = options.listen ?? formatListenAddress(settings.listen);
      const listen = parseAddress(address);
      if (listen === undefined) {
        throw new StartError(`--listen ${address}: write host:port.`);
      }
      // Loaded here, as serve does: other commands do not need it.
      const { startMock } = await import('../service/mock/start-mock.ts');
      await using mock = await startMock({
        listen,
        schemasDir: schemasFolder(options, env),
        enforcement: settings.enforcement,
        eventBytesMax: settings['limits.event_bytes_max'],
      });
      console.log(`Headgate mock takes events on ${mock.url}`);
      await stopped.promise;
    });
}
