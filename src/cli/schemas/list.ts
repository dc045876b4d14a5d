import { toJson } from '@bufbuild/protobuf';
import { timestampDate, type Timestamp } from '@bufbuild/protobuf/wkt';
import { Command } from 'commander';

import {
  RegisteredEventSchema,
  UnplannedEventSchema,
  type RegisteredEvent,
  type UnplannedEvent,
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
    .description('show the contracts that a running gate uses, and the names that have none')
    .addOption(adminOption())
    .addOption(configOption())
    .option('--json', 'print JSON, one event per line')
    .addHelpText('after', `\n${adminTokenHelp}`)
    .action(async ({ json, ...options }: ListOptions) => {
      const client = connectAdmin(SchemaRegistryService, options, env);
      const { events, unplanned, unplannedNames, observing, faults } = await client.call(
        (service) => service.listSchemas({ withLastEvents: true }),
      );
      if (json === true) {
        for (const event of events) print(JSON.stringify(toJson(RegisteredEventSchema, event)));
        for (const event of unplanned) {
          const fields = toJson(UnplannedEventSchema, event) as object;
          print(JSON.stringify({ ...fields, unplanned: true }));
        }
      } else {
        if (events.length > 0 || unplanned.length === 0) printTable(headings, events.map(rowOf));
        if (unplanned.length > 0) printTable(unplannedHeadings, unplanned.map(unplannedRowOf));
      }
      if (observing) console.error('Observe mode: there are no contracts.');
      if (unplannedNames > unplanned.length) {
        console.error(
          `The ${unplanned.length} most frequent of ${unplannedNames} unplanned names.`,
        );
      }
      for (const fault of faults) console.error(`Not in force: ${fault}`);
    });
}

const headings = ['event', 'versions', 'compatibility', 'last stored', 'mode'];

const unplannedHeadings = ['unplanned', 'stored events', 'last stored'];

function unplannedRowOf({ name, events, lastEventAt }: UnplannedEvent): string[] {
  return [name, String(events), timeOf(lastEventAt)];
}

function timeOf(time: Timestamp | undefined): string {
  return time === undefined ? 'never' : timestampDate(time).toISOString();
}

function rowOf(event: RegisteredEvent): string[] {
  const { name, compatibility, lastEventAt, mode } = event;
  const versions = event.versions.map(({ version }) => version);
  const list = versionList(versions, registeredStates(event));
  return [name, list, compatibility, timeOf(lastEventAt), mode];
}
