import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { Option, type Command } from 'commander';

import type { KeyClient } from './key-client.ts';
import { readKeyId, readOverlap } from './key-values.ts';
import { makeInto, outOption, showMadeKey, timeText, type MadeKeyOptions } from './made-key.ts';

interface RotateOptions extends MadeKeyOptions {
  readonly overlap: number;
}

const overlapDefault = '24h';

/** `headgate keys rotate`: a new key like an old one, which ends after a while. */
export function addRotateCommand(keys: Command, client: () => KeyClient): void {
  keys
    .command('rotate')
    .argument('<id>', 'the id of the old key', readKeyId)
    .description('make a new key with the source and events of an old one, which ends by itself')
    .addOption(
      new Option('--overlap <duration>', 'how long the old key goes on; 0: not at all')
        .argParser(readOverlap)
        .default(readOverlap(overlapDefault), overlapDefault),
    )
    .addOption(outOption())
    .option('--json', 'print JSON')
    .action(async (id: string, options: RotateOptions) => {
      const made = await makeInto(options.out, () =>
        client().call((service) =>
          service.rotateKey({ id, overlap: durationFromMs(options.overlap) }),
        ),
      );
      const { revokedAt, expiresAt } = made.replaced!;
      const end = revokedAt === undefined ? timeText(expiresAt, 'never') : 'now';
      showMadeKey(made.key!, made.secret, [`The old key, ${id}, ends: ${end}.`], options);
    });
}
