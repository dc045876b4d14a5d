import { Command } from 'commander';

import { DeadLetterService } from '../../../gen/headgate/v1/dead_letter_service_pb.ts';
import { connectAdmin, type AdminOptions } from '../admin-client.ts';
import type { CommandContext } from '../command-context.ts';
import { addDiscardCommand } from './discard.ts';
import type { DeadClient } from './filter.ts';
import { addFixCommand } from './fix.ts';
import { addListCommand } from './list.ts';
import { addReplayCommand } from './replay.ts';
import { addShowCommand } from './show.ts';

/** `headgate dead`: events that could not be delivered to a destination. Calls the admin port. */
export function deadCommand({ env }: CommandContext): Command {
  const dead = new Command('dead')
    .description('look at dead letters, fix them, replay them, or discard them')
    .option('--admin <url>', 'the admin port (default: admin.listen)')
    .option('--config <file>', 'headgate.yaml (default: HEADGATE_CONFIG, or ./headgate.yaml)')
    .addHelpText(
      'after',
      '\nThe token of the admin port is admin.token, or the one that the gate made in data_dir.',
    );
  const client = (): DeadClient => connectAdmin(DeadLetterService, dead.opts<AdminOptions>(), env);
  addListCommand(dead, client);
  addShowCommand(dead, client);
  addFixCommand(dead, client, env);
  addReplayCommand(dead, client);
  addDiscardCommand(dead, client);
  return dead;
}
