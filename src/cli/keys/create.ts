import { durationFromMs } from '@bufbuild/protobuf/wkt';
import type { Command } from 'commander';

import type { KeyClient } from './key-client.ts';
import { readExpiry, readGlobs, readSource } from './key-values.ts';
import { openKeyFile, outOption, showMadeKey, timeText, type MadeKeyOptions } from './made-key.ts';

interface CreateOptions extends MadeKeyOptions {
  readonly source: string;
  readonly events?: readonly string[];
  readonly expires?: number;
}

/** `headgate keys create`: a key that every gate accepts within a second. */
export function addCreateCommand(keys: Command, client: () => KeyClient): void {
  keys
    .command('create')
    .description('make a write key that every gate accepts within a second; it is shown once')
    .requiredOption(
      '--source <source>',
      'the sender that the key identifies, e.g. checkout',
      readSource,
    )
    .option('--events <globs>', 'events it may send, e.g. order_*,cart_* (default: all)', readGlobs)
    .option('--expires <when>', 'a duration (90d) or a time (default: never)', readExpiry)
    .addOption(outOption())
    .option('--json', 'print JSON')
    .action(async (options: CreateOptions) => {
      const file = options.out === undefined ? undefined : openKeyFile(options.out);
      try {
        const { source, events = [], expires } = options;
        const lifetime = expires === undefined ? {} : { lifetime: durationFromMs(expires) };
        const made = await client().call((service) =>
          service.createKey({ source, events: [...events], ...lifetime }),
        );
        file?.write(made.secret);
        const lines = [`It expires: ${timeText(made.key!.expiresAt, 'never')}.`];
        if (made.authOff) lines.push('This gate asks for no key: auth is off.');
        showMadeKey(made.key!, made.secret, lines, options);
      } finally {
        file?.close();
      }
    });
}
