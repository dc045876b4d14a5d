import { enumToJson, toJson } from '@bufbuild/protobuf';
import { timestampDate, timestampMs, type Timestamp } from '@bufbuild/protobuf/wkt';
import { Command } from 'commander';

import {
  DestinationService,
  DestinationStatus_State as State,
  DestinationStatus_StateSchema as StateSchema,
  DestinationStatusSchema,
  type DestinationStatus,
} from '../../gen/headgate/v1/destination_service_pb.ts';
import { connectAdmin, type AdminClient, type AdminOptions } from './admin-client.ts';
import { spanText } from '../event/time/span-text.ts';
import type { CommandContext } from './command-context.ts';
import { confirm } from './terminal/confirm.ts';
import { print } from './terminal/print.ts';
import { cellText, printTable } from './terminal/table.ts';
import { adminOption, adminTokenHelp, configOption } from './shared-options.ts';

type DestinationClient = AdminClient<typeof DestinationService>;

interface Options {
  readonly json?: true;
}

/** `headgate destinations`: the status of each. Calls the admin port. */
export function destinationsCommand({ env }: CommandContext): Command {
  const destinations = new Command('destinations')
    .description(
      'show the status of each destination, pause one, or remove one that is no longer configured',
    )
    .addOption(adminOption())
    .addOption(configOption())
    .option('--json', 'print JSON')
    .addHelpText('after', `\n${adminTokenHelp}`);
  const client = (): DestinationClient =>
    connectAdmin(DestinationService, destinations.opts<AdminOptions>(), env);
  destinations.action((options: Options) => list(client(), options));
  const remove = destinations
    .command('remove <name>')
    .description(
      'forget a destination that is no longer configured, and the events that wait for it',
    )
    .option('--yes', 'do it without asking');
  remove.action((name: string, options: { yes?: true }) =>
    removeOne(client(), name, options, remove),
  );
  destinations
    .command('pause <name>')
    .description('deliver nothing to a destination until it is resumed; its events wait')
    .requiredOption('--why <text>', 'the reason, which everyone sees')
    .action((name: string, options: { why: string }) => pauseOne(client(), name, options.why));
  destinations
    .command('resume <name>')
    .description('deliver to a paused destination again')
    .action((name: string) => resumeOne(client(), name));
  return destinations;
}

async function pauseOne(client: DestinationClient, name: string, why: string): Promise<void> {
  const { destination } = await client.call((service) => service.pauseDestination({ name, why }));
  print(`paused ${name}; ${destination?.waiting ?? 0n} events wait`);
}

async function resumeOne(client: DestinationClient, name: string): Promise<void> {
  const { destination, resumed } = await client.call((service) =>
    service.resumeDestination({ name }),
  );
  const waiting = `${destination?.waiting ?? 0n} events wait`;
  print(resumed ? `resumed ${name}; ${waiting}` : `${name} was not paused; ${waiting}`);
}

async function list(client: DestinationClient, options: Options): Promise<void> {
  const { destinations } = await client.call((service) => service.listDestinations({}));
  if (options.json) {
    const values = destinations.map((one) =>
      toJson(DestinationStatusSchema, one, { alwaysEmitImplicit: true }),
    );
    print(JSON.stringify(values));
    return;
  }
  const rows = destinations.map((one) => rowOf(one, Date.now()));
  printTable(headings, rows);
  for (const { name, beforeStart, started } of destinations) {
    if (beforeStart === 0n) continue;
    const when = started === undefined ? '' : ` of ${timestampDate(started).toISOString()}`;
    process.stderr.write(
      `${name} does not get the ${beforeStart} events of the log that are older than its start${when}.\n`,
    );
  }
  const removed = destinations.filter(({ state }) => state === State.REMOVED);
  if (removed.length === 0) return;
  const names = removed.map(({ name }) => name).join(', ');
  process.stderr.write(
    `No configuration names ${names}, and the log keeps every event for it that it was not given. ` +
      'If it is gone for good: headgate destinations remove NAME\n',
  );
}

async function removeOne(
  client: DestinationClient,
  name: string,
  options: { yes?: true },
  command: Command,
): Promise<void> {
  if (!options.yes) {
    const { destinations } = await client.call((service) => service.listDestinations({}));
    const waiting = destinations.find((one) => one.name === name)?.waiting ?? 0n;
    const question = `Forget ${name}, and the ${waiting} events that wait for it?`;
    const sure = await confirm(question);
    if (sure === undefined)
      command.error(`error: ${question} There is no terminal to ask on: add --yes`);
    if (!sure) return;
  }
  const { waiting } = await client.call((service) => service.removeDestination({ name }));
  print(`removed ${name}, for which ${waiting} events waited`);
}

const headings = ['name', 'type', 'state', 'waiting', 'oldest', 'delivered', 'dead', 'why'];
const reasonCharactersMax = 80;

function rowOf(status: DestinationStatus, nowMs: number): string[] {
  return [
    status.name,
    status.type === '' ? '-' : status.type,
    String(enumToJson(StateSchema, status.state)).toLowerCase(),
    String(status.waiting),
    status.oldestWaiting === undefined ? '-' : spanText(nowMs - timestampMs(status.oldestWaiting)),
    String(status.delivered),
    String(status.dead),
    whyText(status, nowMs),
  ];
}

function whyText(status: DestinationStatus, nowMs: number): string {
  const { state, since, nextProbe, reason, pausedBy } = status;
  if (state === State.PAUSED) {
    return `${plain(reason)}; by ${pausedBy}, for ${age(since, nowMs)}`;
  }
  if (state !== State.PARKED && state !== State.DISABLED)
    return reason === '' ? '-' : plain(reason);
  const parts = [plain(reason), `for ${age(since, nowMs)}`];
  if (state === State.PARKED) {
    const next = nextProbe === undefined ? undefined : timestampMs(nextProbe) - nowMs;
    parts.push(next === undefined || next <= 0 ? 'trying now' : `next try in ${spanText(next)}`);
  }
  return parts.join('; ');
}

function age(since: Timestamp | undefined, nowMs: number): string {
  return since === undefined ? 'some time' : spanText(nowMs - timestampMs(since));
}

/** The reason is text of another system: control characters must not reach the terminal. */
function plain(text: string): string {
  return cellText(text.replaceAll(/\p{Cc}/gu, ' '), reasonCharactersMax);
}
