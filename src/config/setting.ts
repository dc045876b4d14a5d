import type { Address, ListenAddress } from './config.ts';
import type { Secret } from './secret.ts';

/** The form of a setting, which decides how it is read. */
export type SettingKind =
  | 'string'
  | 'integer'
  | 'duration'
  | 'bytes'
  | 'address'
  /** An address, or a Unix socket. */
  | 'listen'
  | 'enum'
  | 'list'
  | 'path'
  | 'url'
  | 'secret'
  | 'boolean'
  /** Text, a number or a boolean: an option whose meaning only its module knows. */
  | 'scalar';

/** One setting. Defaults and bounds are written as an operator would write them. */
export interface Setting {
  readonly kind: SettingKind;
  /** Leave it out if the setting is required. `null` if it may be absent. */
  readonly default?: string | number | boolean | null;
  /** For the documentation, where the default depends on other settings. */
  readonly defaultText?: string;
  readonly min?: string | number;
  readonly max?: string | number;
  /** The values of an `enum`, or the allowed items of a `list`. */
  readonly options?: readonly string[];
  /** The allowed schemes of a `url`. If absent, any. */
  readonly schemes?: readonly string[];
  /** A `url` may be a list, separated by commas. */
  readonly several?: boolean;
  /** An `integer` may be `auto`: the number of processors. */
  readonly auto?: boolean;
  /** A `path` that no two destinations may have. */
  readonly isOwn?: boolean;
  /** The meaning of the setting, and the reason for its limits. */
  readonly text: string;
}

type ValueOf<S extends Setting> = S['kind'] extends 'integer' | 'duration' | 'bytes'
  ? number
  : S['kind'] extends 'address'
    ? Address
    : S['kind'] extends 'listen'
      ? ListenAddress
      : S['kind'] extends 'secret'
        ? Secret
        : S['kind'] extends 'boolean'
          ? boolean
          : S['kind'] extends 'list'
            ? readonly WordOf<S>[]
            : WordOf<S>;

type WordOf<S extends Setting> = S extends { options: readonly (infer Word)[] } ? Word : string;

/** The values that result from reading a table of settings. */
export type ValuesOf<Table extends Readonly<Record<string, Setting>>> = {
  readonly [Path in keyof Table]: Table[Path] extends { default: null }
    ? ValueOf<Table[Path]> | undefined
    : ValueOf<Table[Path]>;
};
