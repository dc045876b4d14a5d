import type { Command } from 'commander';

import { print } from '../terminal/print.ts';
import type { KeyClient } from './key-client.ts';
import { readKeyId } from './key-values.ts';
import { timeText } from './made-key.ts';

interface RevokeOptions {
  readonly json?: true;
}

/** `headgate keys revoke`: ends a key, on open connections too. */
export function addRevokeCommand(keys: Command, client: () => KeyClient): void {
  keys
    .command('revoke')
    .argument('<id>', 'the id of the key', readKeyId)
    .description('refuse a write key from now on, at every gate; it cannot be undone')
    .option('--json', 'print JSON')
    .action(async (id: string, { json }: RevokeOptions) => {
      const { key } = await client().call((service) => service.revokeKey({ id }));
      const revokedAt = timeText(key!.revokedAt, '');
      print(
        json
          ? JSON.stringify({ id, source: key!.source, revokedAt })
          : `revoked ${id} of ${key!.source} at ${revokedAt}`,
      );
    });
}
