import { expandReferences } from './configuration-file.ts';

/** The environment, passed in: this code never reads the variables itself. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A value as found, before its kind is known. */
export interface RawValue {
  /** `headgate.yaml: limits.batch_events_max`, or the name of a variable. */
  readonly from: string;
  readonly value: unknown;
  /** The text that a message may show: as written, with `${NAME}` not expanded. */
  readonly shown: string | undefined;
  /** True if its problem is already reported. */
  readonly broken: boolean;
}

/** A value from the file. */
export function rawFromFile(
  from: string,
  value: unknown,
  env: Environment,
  faults: string[],
): RawValue {
  if (Array.isArray(value)) {
    const items = value.map((item, index) => rawFromFile(`${from}[${index}]`, item, env, faults));
    const broken = items.some((item) => item.broken);
    return { from, value: items.map((item) => item.value), shown: undefined, broken };
  }
  const shown = typeof value === 'object' && value !== null ? undefined : show(String(value));
  if (typeof value !== 'string') return { from, value, shown, broken: false };
  const expanded = expandReferences(value, env, from, faults);
  return { from, value: expanded, shown, broken: expanded === undefined };
}

/** A value of the environment. Empty counts as unset: compose files set missing variables so. */
export function rawFromEnvironment(name: string, env: Environment): RawValue | undefined {
  const value = env[name];
  if (value === undefined || value === '') return undefined;
  return { from: name, value, shown: show(value), broken: false };
}

/** A value that Headgate itself sets. */
export function rawDefault(from: string, value: unknown): RawValue {
  return { from, value, shown: show(String(value)), broken: false };
}

function show(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}...` : text);
}
