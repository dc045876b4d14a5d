import {
  type DestinationTypeSettings,
  gatherOptions,
  settingsOfType,
} from '../destination-type.ts';
import { nearest } from './nearest.ts';
import { type RawValue, rawDefault, rawFromEnvironment, rawFromFile } from './raw-value.ts';
import { environmentName } from '../settings.ts';
import type { Setting } from '../setting.ts';
import { type GatherContext, collectLeaves } from './tree.ts';

/** A destination as written in the file. */
export interface RawDestination {
  readonly name: string;
  readonly type: string;
  /** Where one of this type starts without `from`. */
  readonly startsFrom?: 'earliest' | 'now' | undefined;
  /** `headgate.yaml: destinations.crm`. */
  readonly from: string;
  /** Its allowed settings; undefined if its type is unknown. */
  readonly settings: Readonly<Record<string, Setting>> | undefined;
  readonly values: ReadonlyMap<string, RawValue>;
  /** True for the default destination, used without a `destinations` section. */
  readonly isDefault: boolean;
}

interface DestinationsContext extends GatherContext {
  readonly destinationTypes: readonly DestinationTypeSettings[];
  /** Takes the names of the variables that override something. */
  readonly known: Set<string>;
}

/** A name is part of NATS subjects and of variable names, and a metric label. */
const namePattern = /^[a-z][a-z0-9_-]{0,31}$/;

/** The destinations of the file; without the section, a SQLite warehouse. */
export function gatherDestinations(
  node: unknown,
  isInFile: boolean,
  context: DestinationsContext,
): RawDestination[] {
  const { faults, file } = context;
  if (!isInFile) {
    const warehouse = new Map<unknown, unknown>([['type', 'sqlite']]);
    return [gatherDestination('warehouse', warehouse, context, true)].filter((found) => !!found);
  }
  if (!(node instanceof Map)) {
    faults.push(
      `${file}: destinations: is not a map: write a name for each and its settings below it, ` +
        'or {} for none',
    );
    return [];
  }
  return [...node]
    .map(([name, tree]) => gatherDestination(String(name), tree, context, false))
    .filter((found) => found !== undefined);
}

function gatherDestination(
  name: string,
  tree: unknown,
  context: DestinationsContext,
  isDefault: boolean,
): RawDestination | undefined {
  const { faults, file, env, destinationTypes, known } = context;
  const under = `destinations.${name}`;
  const from = isDefault ? `default: ${under}` : `${file}: ${under}`;
  if (!namePattern.test(name)) {
    faults.push(
      `${from}: is not a name: begin with a letter, then at most 31 of a-z, 0-9, _ and -`,
    );
    return undefined;
  }
  if (!(tree instanceof Map)) {
    faults.push(`${from}: is not a map: write its type and settings below it`);
    return undefined;
  }
  const typeVariable = environmentName(`${under}.type`);
  claim(typeVariable, from, context);
  const rawType = findType(tree, `${from}.type`, typeVariable, context);
  const type = destinationTypes.find((candidate) => candidate.type === rawType?.value);
  const empty = { name, type: String(rawType?.value), from, isDefault, values: new Map() };
  if (!type) {
    if (!rawType?.broken) faults.push(describeUnknownType(rawType, from, destinationTypes));
    return { ...empty, settings: undefined };
  }
  const options = gatherOptions(type, tree, from, faults);
  const table = { ...settingsOfType(type), ...options.settings };
  const values = collectLeaves(options.tree, table, { file, env, faults, under });
  for (const path of Object.keys(table)) {
    const variable = environmentName(`${under}.${path}`);
    if (path !== 'type') claim(variable, from, context);
    known.add(variable);
    const raw = rawFromEnvironment(variable, env);
    if (raw) values.set(path, raw);
  }
  return { ...empty, startsFrom: type.startsFrom, settings: table, values };
}

/** `crm-eu` and `crm_eu` have the same variables: harmless until one of them is set. */
function claim(variable: string, from: string, context: DestinationsContext): void {
  if (context.known.has(variable) && context.env[variable]) {
    context.faults.push(
      `${variable}: fits more than one destination (${from} is one): rename one of them`,
    );
  }
  context.known.add(variable);
}

function findType(
  tree: ReadonlyMap<unknown, unknown>,
  from: string,
  variable: string,
  context: DestinationsContext,
): RawValue | undefined {
  const fromEnvironment = rawFromEnvironment(variable, context.env);
  if (fromEnvironment || !tree.has('type')) return fromEnvironment;
  return rawFromFile(from, tree.get('type'), context.env, context.faults);
}

function describeUnknownType(
  raw: RawValue | undefined,
  from: string,
  types: readonly DestinationTypeSettings[],
): string {
  const known = types.map(({ type }) => type);
  if (!raw || raw.value === null) {
    return `${from}.type: is required: write one of ${known.join(', ')}`;
  }
  const guess = nearest(String(raw.value), known);
  return (
    `${raw.from}: ${raw.shown ?? 'this'} is not known, the nearest is ${guess}: ` +
    `write one of ${known.join(', ')}`
  );
}

/** Puts in what depends on other settings: where the default warehouse lies. */
export function withWarehousePath(raw: RawDestination, path: string): RawDestination {
  if (!raw.isDefault || raw.values.has('path')) return raw;
  const value = rawDefault(`${raw.from}.path`, path);
  return { ...raw, values: new Map([...raw.values, ['path', value]]) };
}
