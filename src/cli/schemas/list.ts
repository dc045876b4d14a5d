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
import { registeredStates } from './registered-states.ts';

interface ListOptions extends AdminOptions {
  readonly json?: true;
}

/** `headgate schemas list`: the contracts that a running gate uses. Calls the admin port. */
export function schemasListCommand({ env }: CommandContext): Command {
  return new Command('list')
    .description('show the contracts that a running gate uses')
    .option('--admin <url>', 'the admin port (default: admin.listen)')
    .option('--config <file>', 'headgate.yaml (default: HEADGATE_CONFIG, or ./headgate.yaml)')
    .option('--json', 'print JSON, one event per line')
    .addHelpText(
      'after',
      '\nThe token of the admin port is admin.token, or the one that the gate made in data_dir.',
    )
    .action(async ({ json, ...options }: ListOptions) => {
      const client = connectAdmin(SchemaRegistryService, options, env);
      const { events, faults } = await client.call((service) =>
        service.listSchemas({ withLastEvents: true }),
      );
      for (const event of events) {
        console.log(
          json === true ? JSON.stringify(toJson(RegisteredEventSchema, event)) : lineOf(event),
        );
      }
      for (const fault of faults) console.error(`Not in force: ${fault}`);
    });
}

function lineOf(event: RegisteredEvent): string {
  const { name, compatibility, lastEventAt } = event;
  const versions = event.versions.map(({ version }) => version);
  const last = lastEventAt === undefined ? 'never' : timestampDate(lastEventAt).toISOString();
  return [name, versionList(versions, registeredStates(event)), compatibility, last].join('\t');
}
