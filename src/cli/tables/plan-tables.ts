import type { TablesPreview } from '../../destinations/destination.ts';
import { destinationTypeOf, typesWith } from '../../destinations/registry.ts';
import { StartError } from '../../errors.ts';
import { compileEventGlobs } from '../../event/glob.ts';
import { eventContractsOf } from '../../validation/schema/event-contracts.ts';
import { loadContracts } from '../../validation/schema-registry.ts';
import type { CommandContext } from '../command-context.ts';
import { commandContracts, commandDestinations, findDestination } from '../command-settings.ts';
import { oneLine, print } from '../terminal/print.ts';

export interface PlanFlags {
  readonly destination?: string;
  readonly schemas?: string;
  readonly config?: string;
}

/** Prints statements for each destination with tables of events. Throws a StartError. */
export async function planTables({ env }: CommandContext, flags: PlanFlags): Promise<void> {
  const wanted = flags.destination;
  const some = commandDestinations(
    flags.config,
    env,
    wanted === undefined ? { types: typesWith('previewTables') } : { name: wanted },
  );
  const chosen = wanted === undefined ? some.destinations : [findDestination(some, wanted)];
  const contracts = eventContractsOf(await loadContracts(commandContracts(flags, env)));
  let count = 0;
  for (const destination of chosen) {
    const { name, type, settings, events } = destination;
    const isTaken = compileEventGlobs(events);
    const preview = await destinationTypeOf(type).previewTables?.(
      name,
      settings,
      contracts.filter((contract) => isTaken(contract.name)),
    );
    if (preview === undefined) continue;
    count += 1;
    printPreview(name, preview);
  }
  if (count === 0) {
    const which = flags.destination ?? 'the configuration';
    throw new StartError(
      `${which} has no tables of events: set tables: per_event, or both, at a destination of type ` +
        `${typesWith('previewTables').join(' or ')}.`,
    );
  }
}

/** SQL, so that the output can be read by a database. */
function printPreview(name: string, { tables, unread }: TablesPreview): void {
  print(`-- ${name}`);
  if (unread !== undefined) {
    print(`-- its tables could not be read (${unread}), so this is for an empty database`);
  }
  const changed = tables.filter(({ statements }) => statements.length > 0);
  for (const { event, statements, left, renamed } of changed) {
    print(`\n-- ${oneLine(event ?? 'events without a contract')}`);
    for (const { column, property } of renamed) print(`-- ${column} has ${oneLine(property)}`);
    if (left > 0) print(`-- ${left} properties have no column: they stay in properties`);
    for (const statement of statements)
      print(statement.startsWith('--') ? statement : `${statement};`);
  }
  const faults = tables.map(({ fault }) => fault).filter((fault) => fault !== undefined);
  if (changed.length === 0 && faults.length === 0) print('-- nothing to change');
  for (const fault of faults) process.stderr.write(`headgate: ${name}: ${fault}\n`);
  if (faults.length > 0) process.exitCode = 1;
}
