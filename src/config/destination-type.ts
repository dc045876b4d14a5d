import type { Setting, SettingKind } from './setting.ts';
import { destinationSettings } from './destination-settings.ts';

/**
 * The part of `DestinationType` (src/destinations) by which the configuration is read. Declared
 * here too, because imports point one way.
 */
export interface DestinationTypeSettings {
  readonly type: string;
  readonly settings: Readonly<Record<string, DestinationTypeSetting>>;
  /** Where a new destination of this type starts without `from`. Default: `now`. */
  readonly startsFrom?: 'earliest' | 'now';
  /** The text of `options`, if the type also takes a map `options` of any names. */
  readonly options?: string;
}

/** One setting of a type. */
export interface DestinationTypeSetting {
  readonly type: Exclude<SettingKind, 'address' | 'listen' | 'list' | 'scalar'>;
  /** Leave it out if the setting is required. `null` if it may be absent. */
  readonly default?: string | number | boolean | null;
  readonly options?: readonly string[];
  readonly min?: string | number;
  readonly max?: string | number;
  readonly isOwn?: boolean;
  readonly text: string;
}

/** Timers of Node overflow beyond 2^31 - 1 ms, which is 24.8 days, and fire at once. */
const durationMax = '24d';

/** The settings of a destination of this type: those of every destination, and its own. */
export function settingsOfType(type: DestinationTypeSettings): Record<string, Setting> {
  const own = Object.entries(type.settings).map(([name, setting]) => [name, asSetting(setting)]);
  return { ...(Object.fromEntries(own) as Record<string, Setting>), ...destinationSettings };
}

/** A setting of a type, in the form of the table of all settings. */
export function asSetting(setting: DestinationTypeSetting): Setting {
  const { type: kind, ...rest } = setting;
  const bounds = kind === 'duration' ? { max: durationMax } : {};
  return { min: 0, ...bounds, ...rest, kind };
}

/** The spelling of option names, the same as that of settings. */
const optionPattern = /^[a-z][a-z0-9_]{0,63}$/;

/** A tree with valid options only, and a setting for each of them. */
export interface Options {
  readonly tree: ReadonlyMap<unknown, unknown>;
  readonly settings: Readonly<Record<string, Setting>>;
}

/** Finds the options of a destination whose type takes options of any name. */
export function gatherOptions(
  { options: text }: DestinationTypeSettings,
  tree: ReadonlyMap<unknown, unknown>,
  from: string,
  faults: string[],
): Options {
  if (text === undefined || !tree.has('options')) return { tree, settings: {} };
  const options = tree.get('options');
  const found: [string, unknown][] =
    options instanceof Map ? [...options].map(([name, value]) => [String(name), value]) : [];
  if (!(options instanceof Map) && options !== null) {
    faults.push(`${from}.options: is not a map: write its settings below it, indented`);
  }
  const named = found.filter(([name]) => optionPattern.test(name));
  for (const [name] of found.filter((option) => !named.includes(option))) {
    faults.push(
      `${from}.options.${name}: is not a name: begin with a letter, then at most 63 of a-z, 0-9 and _`,
    );
  }
  const settings = named.map(([name]) => [
    `options.${name}`,
    { kind: 'scalar', default: null, text },
  ]);
  const kept = [...tree].filter(([name]) => name !== 'options');
  return {
    tree: new Map(named.length > 0 ? [...kept, ['options', new Map(named)]] : kept),
    settings: Object.fromEntries(settings),
  };
}
