import { Command } from 'commander';

import { RejectedService } from '../../../gen/headgate/v1/rejected_service_pb.ts';
import { connectAdmin } from '../admin-client.ts';
import type { CommandContext } from '../command-context.ts';
import { listCommand } from './list.ts';
import type { RejectedClient } from './rejected-client.ts';
import { replayCommand } from './replay.ts';
import { showCommand } from './show.ts';
import { statsCommand } from './stats.ts';

/** `headgate rejected`: events that broke their contract. Calls the admin port. */
export function rejectedCommand({ env }: CommandContext): Command {
  const rejected = new Command('rejected')
    .description('look at rejected events, and send them through the gate again')
    .option('--admin <url>', 'the admin port (default: HEADGATE_ADMIN_LISTEN)')
    .addHelpText('after', '\nThe token of the admin port is taken from HEADGATE_ADMIN_TOKEN.');
  const client = (): RejectedClient =>
    connectAdmin(RejectedService, rejected.opts<{ admin?: string }>().admin, env);
  return rejected
    .addCommand(listCommand(client))
    .addCommand(showCommand(client))
    .addCommand(statsCommand(client))
    .addCommand(replayCommand(client, env));
}
