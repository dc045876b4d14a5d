import { Command } from 'commander';

import { DeadLetterService } from '../../../gen/headgate/v1/dead_letter_service_pb.ts';
import { connectAdmin, type AdminOptions } from '../admin-client.ts';
import type { CommandContext } from '../command-context.ts';
import { checkDestination, type DestinationCheck } from '../known-destination.ts';
import { addDiscardCommand } from './discard.ts';
import type { DeadClient } from './filter.ts';
import { addFixCommand } from './fix.ts';
import { addListCommand } from './list.ts';
import { addReplayCommand } from './replay.ts';
import { addShowCommand } from './show.ts';
import { adminOption, adminTokenHelp, configOption } from '../shared-options.ts';

/** `headgate dead`: events that could not be delivered to a destination. Calls the admin port. */
export function deadCommand({ env }: CommandContext): Command {
  const dead = new Command('dead')
    .description('look at dead letters, fix them, replay them, or discard them')
    .addOption(adminOption())
    .addOption(configOption())
    .addHelpText('after', `\n${adminTokenHelp}`);
  const client = (): DeadClient => connectAdmin(DeadLetterService, dead.opts<AdminOptions>(), env);
  const check: DestinationCheck = (name) => checkDestination(dead.opts<AdminOptions>(), env)(name);
  addListCommand(dead, client, check);
  addShowCommand(dead, client);
  addFixCommand(dead, client, env);
  addReplayCommand(dead, client, check);
  addDiscardCommand(dead, client);
  return dead;
}
