import { Command } from 'commander';

import { SchemaRegistryService } from '../../../gen/headgate/v1/schema_registry_service_pb.ts';
import { connectAdmin, type AdminOptions } from '../admin-client.ts';
import type { CommandContext } from '../command-context.ts';
import { readVersionName } from './version-name.ts';
import { adminOption, adminTokenHelp, configOption } from '../shared-options.ts';

/** `headgate schemas deprecate`: warns the producers of a version. */
export function schemasDeprecateCommand({ env }: CommandContext): Command {
  return new Command('deprecate')
    .description('warn producers of a version in the registry; its events are validated as before')
    .argument('<event@version>', 'such as order_completed@1', readVersionName)
    .addOption(adminOption())
    .addOption(configOption())
    .addHelpText(
      'after',
      `
${adminTokenHelp} Activating the version takes it back.

Example:
  $ headgate schemas deprecate order_completed@1`,
    )
    .action(async (wanted: ReturnType<typeof readVersionName>, options: AdminOptions) => {
      const client = connectAdmin(SchemaRegistryService, options, env);
      const { event } = await client.call((service) => service.deprecateSchema(wanted));
      console.log(
        `Producers of version ${wanted.version} of ${wanted.eventName} are warned to send ${event?.active}.`,
      );
    });
}
