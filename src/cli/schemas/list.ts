import { toJson } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import { Command } from 'commander';

import {
  RegisteredEventSchema,
  type RegisteredEvent,
} from '../../../gen/headgate/v1/registered_event_pb.ts';
import { SchemaRegistryService } from '../../../gen/headgate/v1/schema_registry_service_pb.ts';
import { versionList } from '../../validation/taxonomy/version-state.ts';
import { connectAdmin, type AdminOptions } from '../admin-client.ts';
import type { CommandContext } from '../command-context.ts';
import { print } from '../terminal/print.ts';
import { printTable } from '../terminal/table.ts';
import { registeredStates } from './registered-states.ts';
import { adminOption, adminTokenHelp, configOption } from '../shared-options.ts';

interface ListOptions extends AdminOptions {
  readonly json?: true;
}

/** `headgate schemas list`: the contracts that a running gate uses. Calls the admin port. */
export function schemasListCommand({ env }: CommandContext): Command {
  return new Command('list')
    .description('show the contracts that a running gate uses')
    .addOption(adminOption())
    .addOption(configOption())
    .option('--json', 'print JSON, one event per line')
    .addHelpText('after', `\n${adminTokenHelp}`)
    .action(async ({ json, ...options }: ListOptions) => {
      const client = connectAdmin(SchemaRegistryService, options, env);
      const { events, faults } = await client.call((service) =>
        service.listSchemas({ withLastEvents: true }),
      );
      if (json === true) {
        for (const event of events) print(JSON.stringify(toJson(RegisteredEventSchema, event)));
      } else printTable(headings, events.map(rowOf));
      for (const fault of faults) console.error(`Not in force: ${fault}`);
    });
}

const headings = ['event', 'versions', 'compatibility', 'last stored'];

function rowOf(event: RegisteredEvent): string[] {
  const { name, compatibility, lastEventAt } = event;
  const versions = event.versions.map(({ version }) => version);
  const last = lastEventAt === undefined ? 'never' : timestampDate(lastEventAt).toISOString();
  return [name, versionList(versions, registeredStates(event)), compatibility, last];
}
