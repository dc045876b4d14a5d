import { durationFromMs } from '@bufbuild/protobuf/wkt';
import type { Command } from 'commander';

import type { KeyClient } from './key-client.ts';
import {
  readCount,
  readExpiry,
  readGlobs,
  readSize,
  readSource,
  readSourceGlobs,
} from './key-values.ts';
import { makeInto, outOption, showMadeKey, timeText, type MadeKeyOptions } from './made-key.ts';

interface CreateOptions extends MadeKeyOptions {
  readonly source: string;
  readonly events?: readonly string[];
  readonly relaySources?: readonly string[];
  readonly expires?: number;
  readonly eventsPerSecond?: number;
  readonly burst?: number;
  readonly bytesPerDay?: number;
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
    .option(
      '--relay-sources <globs>',
      'the key is that of a relay: sources whose events it may forward, e.g. shop-*',
      readSourceGlobs,
    )
    .option('--expires <when>', 'a duration (90d) or a time (default: never)', readExpiry)
    .option('--events-per-second <n>', 'limit of the source, with all of its keys', readCount)
    .option('--burst <n>', 'events at once after a pause (default: those of one second)', readCount)
    .option('--bytes-per-day <size>', 'limit of the source, e.g. 20GiB', readSize)
    .addOption(outOption())
    .option('--json', 'print JSON')
    .action(async (options: CreateOptions) => {
      const { source, events = [], relaySources = [], expires, out } = options;
      const lifetime = expires === undefined ? {} : { lifetime: durationFromMs(expires) };
      const made = await makeInto(out, () =>
        client().call((service) =>
          service.createKey({
            source,
            events: [...events],
            relaySources: [...relaySources],
            ...lifetime,
            ...limitsOf(options),
          }),
        ),
      );
      const lines = [`It expires: ${timeText(made.key!.expiresAt, 'never')}.`];
      if (made.authOff) lines.push('This gate asks for no key: auth is off.');
      if (made.warning !== '') lines.push(made.warning);
      showMadeKey(made.key!, made.secret, lines, options);
    });
}

function limitsOf({ eventsPerSecond = 0, burst = 0, bytesPerDay = 0 }: CreateOptions) {
  if (eventsPerSecond + burst + bytesPerDay === 0) return {};
  return { limits: { eventsPerSecond, burst, bytesPerDay: BigInt(bytesPerDay) } };
}
