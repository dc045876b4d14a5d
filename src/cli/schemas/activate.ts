import { Command } from 'commander';

import { SchemaRegistryService } from '../../../gen/headgate/v1/schema_registry_service_pb.ts';
import { connectAdmin } from '../admin-client.ts';
import type { CommandContext } from '../command-context.ts';
import { readVersionName } from './version-name.ts';

/** `headgate schemas activate`: sets the version that validates events without a version. */
export function schemasActivateCommand({ env }: CommandContext): Command {
  return new Command('activate')
    .description(
      'make a version in the registry the active one, which validates events without a version',
    )
    .argument('<event@version>', 'such as order_completed@3', readVersionName)
    .option('--admin <url>', 'the admin port (default: HEADGATE_ADMIN_LISTEN)')
    .addHelpText(
      'after',
      `
The token of the admin port is taken from HEADGATE_ADMIN_TOKEN. Going back is the same with the version
before.

Example:
  $ headgate schemas activate order_completed@3`,
    )
    .action(async (wanted: ReturnType<typeof readVersionName>, options: { admin?: string }) => {
      const client = connectAdmin(SchemaRegistryService, options.admin, env);
      const { findings } = await client.call((service) => service.activateSchema(wanted));
      for (const { message } of findings) console.log(`  ${message}`);
      console.log(`${wanted.eventName} is validated by version ${wanted.version}.`);
    });
}
