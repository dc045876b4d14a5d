import { canonicalName, nameProblem } from '../../event/name/event-name.ts';
import { eventNameLengthMax, isEventName, isSnakeCase } from '../event-name.ts';
import type { ReportFault } from '../registry-fault.ts';

/** `noun_verb`: lower snake case that ends in one of the verbs. `any`: any text of 128 bytes. */
export const namings = ['noun_verb', 'any'] as const;
export type Naming = (typeof namings)[number];

/** Other names of events, and the names that they are stored under. */
export type Aliases = Readonly<Record<string, string>>;

export const noAliases: Aliases = Object.freeze({});
export const aliasesMax = 2000;

/**
 * Names that begin with `_` are ours: the heartbeat, and the labels for everything else. Events may
 * have such names, but no entry.
 */
const isReserved = (name: string): boolean => name.startsWith('_');

/** For entries whose names were checked before: the rules that hold for every name. */
export const anyEntryName = { naming: 'any', verbs: [] } as const;

/** Reports why an entry cannot have its name. If `verbs` is empty, the verb is not checked. */
export function checkEntryName(
  name: string,
  naming: Naming,
  verbs: readonly string[],
  report: ReportFault,
): void {
  const place = `events.${name}`;
  if (naming === 'any') return checkAnyName(name, place, report);
  if (!isSnakeCase(name)) {
    const form = `lower snake case of at most ${eventNameLengthMax} characters`;
    const fix = 'Name it, for example, order_completed, or write naming: any at the top.';
    report(`${place} is not named in ${form}`, fix);
  } else if (verbs.length > 0 && !isEventName(name, verbs)) {
    report(`${place} is not a noun and one of the verbs`, 'Fix it, or add its verb to verbs.');
  }
}

function checkAnyName(name: string, place: string, report: ReportFault): void {
  const problem = nameProblem(name);
  if (problem !== undefined) report(`${place}: its name ${problem}`, 'Fix the name.');
  else if (canonicalName(name) !== name) {
    report(`${place}: its name is not in Unicode's form NFC`, 'Type it again.');
  } else if (isReserved(name)) {
    report(`${place}: names that begin with _ are reserved`, 'Give it an alias without it.');
  }
}

/** Reads `aliases: { "Order Completed": order_completed }`. */
export function readAliases(value: unknown, report: ReportFault): Aliases {
  if (value === undefined) return noAliases;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    report('aliases is not a mapping', 'Write { "Order Completed": order_completed }.');
    return noAliases;
  }
  const entries = Object.entries(value);
  if (entries.length > aliasesMax) {
    report(`aliases has ${entries.length} names, more than ${aliasesMax}`, 'Leave some out.');
    return noAliases;
  }
  const aliases = new Map<string, string>();
  for (const [sent, name] of entries) {
    const alias = canonicalName(sent);
    const place = `aliases.${sent}`;
    const problem = nameProblem(alias);
    if (problem !== undefined) report(`${place}: the name ${problem}`, 'Fix it.');
    else if (typeof name !== 'string' || nameProblem(name) !== undefined) {
      report(`${place} is not the name of an event`, 'Write the name of an entry under events.');
    } else if (aliases.has(alias)) report(`${place} is there twice`, 'Keep one.');
    else aliases.set(alias, name);
  }
  return Object.freeze(Object.fromEntries(aliases));
}

/** Reports aliases that lead to no entry, and those that are the name of one. */
export function checkAliases(
  aliases: Aliases,
  entries: readonly { readonly name: string }[],
  report: ReportFault,
): void {
  const names = new Set(entries.map(({ name }) => name));
  for (const [alias, name] of Object.entries(aliases)) {
    if (!names.has(name)) {
      report(`aliases.${alias} is ${name}, which no entry names`, 'Name an entry under events.');
    } else if (names.has(alias)) {
      report(`aliases.${alias} is the name of an entry itself`, 'Take one of the two out.');
    }
  }
}
