import { type Setting, type SettingKind, destinationSettings } from './settings.ts';

/**
 * What the configuration has to know of a type of destination: the part of `DestinationType` in
 * src/destinations that it reads by. Declared here too, because imports point one way.
 */
export interface DestinationTypeSettings {
  readonly type: string;
  readonly settings: Readonly<Record<string, DestinationTypeSetting>>;
}

/** One setting of a type. */
export interface DestinationTypeSetting {
  readonly type: Exclude<SettingKind, 'address' | 'enum' | 'list'>;
  /** Left out: the setting is required. `null`: it may be absent. */
  readonly default?: string | number | boolean | null;
  readonly min?: string | number;
  readonly max?: string | number;
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
