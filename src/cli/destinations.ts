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
import type { CommandContext } from './command-context.ts';
import { confirm } from './terminal/confirm.ts';
import { print } from './terminal/print.ts';
import { printTable } from './terminal/table.ts';
import { adminOption, adminTokenHelp, configOption } from './shared-options.ts';

type DestinationClient = AdminClient<typeof DestinationService>;

interface Options {
  readonly json?: true;
}

/** `headgate destinations`: the status of each. Calls the admin port. */
export function destinationsCommand({ env }: CommandContext): Command {
  const destinations = new Command('destinations')
    .description('show the status of each destination, or remove one that is no longer configured')
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
  return destinations;
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
    if (sure === undefined) command.error(`error: ${question} Say --yes to do it`);
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

function whyText({ state, since, nextProbe, reason }: DestinationStatus, nowMs: number): string {
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
  const line = text.replaceAll(/\p{Cc}/gu, ' ');
  return line.length > reasonCharactersMax ? `${line.slice(0, reasonCharactersMax - 1)}…` : line;
}

/** `850ms`, `42s`, `3h 5m`, `2d 4h`. */
export function spanText(ms: number): string {
  const seconds = Math.round(Math.max(0, ms) / 1_000);
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))}ms`;
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m ${seconds % 60}s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours}h ${minutes % 60}m`;
  return `${Math.floor(hours / 24)}d ${hours % 24}h`;
}
