import { Command } from 'commander';

import { RejectedService } from '../../../gen/headgate/v1/rejected_service_pb.ts';
import { connectAdmin, type AdminOptions } from '../admin-client.ts';
import type { CommandContext } from '../command-context.ts';
import { discardCommand } from './discard.ts';
import { listCommand } from './list.ts';
import type { RejectedClient } from './rejected-client.ts';
import { replayCommand } from './replay.ts';
import { showCommand } from './show.ts';
import { statsCommand } from './stats.ts';
import { adminOption, adminTokenHelp, configOption } from '../shared-options.ts';

/** `headgate rejected`: events that broke their contract. Calls the admin port. */
export function rejectedCommand({ env }: CommandContext): Command {
  const rejected = new Command('rejected')
    .description('look at rejected events, send them through the gate again, or give them up')
    .addOption(adminOption())
    .addOption(configOption())
    .addHelpText('after', `\n${adminTokenHelp}`);
  const client = (): RejectedClient =>
    connectAdmin(RejectedService, rejected.opts<AdminOptions>(), env);
  return rejected
    .addCommand(listCommand(client))
    .addCommand(showCommand(client))
    .addCommand(statsCommand(client))
    .addCommand(replayCommand(client, env))
    .addCommand(discardCommand(client));
}
