import { Command } from 'commander';

import { SchemaRegistryService } from '../../../gen/headgate/v1/schema_registry_service_pb.ts';
import { connectAdmin, type AdminOptions } from '../admin-client.ts';
import type { CommandContext } from '../command-context.ts';
import { readVersionName } from './version-name.ts';
import { adminOption, adminTokenHelp, configOption } from '../shared-options.ts';

/** `headgate schemas activate`: sets the version that validates events without a version. */
export function schemasActivateCommand({ env }: CommandContext): Command {
  return new Command('activate')
    .description(
      'make a version in the registry the active one, which validates events without a version',
    )
    .argument('<event@version>', 'such as order_completed@3', readVersionName)
    .addOption(adminOption())
    .addOption(configOption())
    .addHelpText(
      'after',
      `
${adminTokenHelp} Going back is the same with the version
before.

Example:
  $ headgate schemas activate order_completed@3`,
    )
    .action(async (wanted: ReturnType<typeof readVersionName>, options: AdminOptions) => {
      const client = connectAdmin(SchemaRegistryService, options, env);
      const { findings } = await client.call((service) => service.activateSchema(wanted));
      for (const { message } of findings) console.log(`  ${message}`);
      console.log(`${wanted.eventName} is validated by version ${wanted.version}.`);
    });
}
