import { type RawValue } from './raw-value.ts';
import type { Setting } from '../setting.ts';
import { sourceLimitSettings } from './source-limit-settings.ts';
import { type GatherContext, collectLeaves } from './tree.ts';

/** A write key as found. */
export interface RawKey {
  /** `headgate.yaml: keys[0]`. */
  readonly from: string;
  readonly values: ReadonlyMap<string, RawValue>;
}

/**
 * The settings of a write key. The hash is a `secret`, so that messages never show it: an operator
 * may enter the key itself by mistake, and it must not reach a log.
 */
export const keySettings = {
  source: { kind: 'string', text: 'The sender. It becomes the source of each event.' },
  hash: { kind: 'secret', text: '`headgate keys new` prints it.' },
  events: {
    kind: 'list',
    default: null,
    defaultText: 'every event',
    text: 'Globs on the names of the events that this key may send.',
  },
  relay_sources: {
    kind: 'list',
    default: null,
    defaultText: 'none',
    text: 'The key is that of a relay: globs on the sources whose events it may forward from another gate.',
  },
  expires: {
    kind: 'string',
    default: null,
    defaultText: 'never',
    text: 'From then on the key is refused: a date (`2027-06-30`, at its beginning in UTC) or an RFC 3339 time (`2027-06-30T18:00:00+02:00`).',
  },
  ...sourceLimitSettings,
} as const satisfies Record<string, Setting>;

/** The write keys of the file. */
export function gatherKeys(node: unknown, context: GatherContext): RawKey[] {
  const { file, faults } = context;
  if (node === undefined || node === null) return [];
  if (!Array.isArray(node)) {
    faults.push(`${file}: keys: is not a list: write a line - { source: ..., hash: ... } for each`);
    return [];
  }
  const keys: RawKey[] = [];
  for (const [index, entry] of node.entries()) {
    const under = `keys[${index}]`;
    const from = `${file}: ${under}`;
    if (entry instanceof Map) {
      keys.push({ from, values: collectLeaves(entry, keySettings, { ...context, under }) });
    } else {
      faults.push(`${from}: is not a map: write { source: ..., hash: "sha256:..." }`);
    }
  }
  return keys;
}
