import { Command } from 'commander';

import { KeyService } from '../../../gen/headgate/v1/key_service_pb.ts';
import { connectAdmin, type AdminOptions } from '../admin-client.ts';
import type { CommandContext } from '../command-context.ts';
import { adminOption, adminTokenHelp, configOption } from '../shared-options.ts';
import { addCreateCommand } from './create.ts';
import type { KeyClient } from './key-client.ts';
import { addListCommand } from './list.ts';
import { addNewCommand } from './new.ts';
import { addRevokeCommand } from './revoke.ts';
import { addRotateCommand } from './rotate.ts';

/** `headgate keys`: write keys, in the log by the admin port, or offline for headgate.yaml (`new`). */
export function keysCommand(
  { env }: CommandContext = { env: {} },
  write: (text: string) => void = (text) => void process.stdout.write(text),
): Command {
  const keys = new Command('keys')
    .description('make write keys, list them, rotate them, or revoke them')
    .addOption(adminOption())
    .addOption(configOption())
    .addHelpText('after', `\n${adminTokenHelp}`);
  const client = (): KeyClient => connectAdmin(KeyService, keys.opts<AdminOptions>(), env);
  addCreateCommand(keys, client);
  addListCommand(keys, client);
  addRotateCommand(keys, client);
  addRevokeCommand(keys, client);
  addNewCommand(keys, write);
  return keys;
}
