import { durationFromMs } from '@bufbuild/protobuf/wkt';
import type { Command } from 'commander';

import type { KeyClient } from './key-client.ts';
import { readExpiry, readGlobs, readSource } from './key-values.ts';
import { makeInto, outOption, showMadeKey, timeText, type MadeKeyOptions } from './made-key.ts';

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
      const { source, events = [], expires, out } = options;
      const lifetime = expires === undefined ? {} : { lifetime: durationFromMs(expires) };
      const made = await makeInto(out, () =>
        client().call((service) => service.createKey({ source, events: [...events], ...lifetime })),
      );
      const lines = [`It expires: ${timeText(made.key!.expiresAt, 'never')}.`];
      if (made.authOff) lines.push('This gate asks for no key: auth is off.');
      showMadeKey(made.key!, made.secret, lines, options);
    });
}
