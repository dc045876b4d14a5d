import { operatorEntriesMax, operatorRoles } from '../operators/operator-entry.ts';
import type { Setting } from '../setting.ts';
import type { RawValue } from './raw-value.ts';
import { collectLeaves, type GatherContext } from './tree.ts';

/** An operator as found. */
export interface RawOperator {
  /** `headgate.yaml: operators[0]`. */
  readonly from: string;
  readonly values: ReadonlyMap<string, RawValue>;
}

/** The settings of an operator. The hash is a `secret` for the reason that `keySettings` has. */
export const operatorSettings = {
  name: {
    kind: 'string',
    text: 'Who it is, in logs and refusals: a letter or digit, then at most 63 of a-z, 0-9, `_`, `.`, `@`, `+` and `-`. `admin` and `metrics` are taken: they are the tokens of `admin`.',
  },
  role: {
    kind: 'enum',
    options: operatorRoles,
    text: '`viewer` reads everything, the content of events included. `operator` also replays, fixes and discards events. `admin` may do everything. `metrics` reads `/metrics` alone.',
  },
  hash: { kind: 'secret', text: '`headgate operators new` prints it.' },
} as const satisfies Record<string, Setting>;

/** The operators of the file. */
export function gatherOperators(node: unknown, context: GatherContext): RawOperator[] {
  const { file, faults } = context;
  if (node === undefined || node === null) return [];
  if (!Array.isArray(node)) {
    faults.push(
      `${file}: operators: is not a list: write a line - { name: ..., role: ..., hash: ... } for each`,
    );
    return [];
  }
  if (node.length > operatorEntriesMax) {
    faults.push(
      `${file}: operators: has ${node.length} entries: at most ${operatorEntriesMax}; remove those that ` +
        'are not used',
    );
    return [];
  }
  const operators: RawOperator[] = [];
  for (const [index, entry] of node.entries()) {
    const under = `operators[${index}]`;
    const from = `${file}: ${under}`;
    if (entry instanceof Map) {
      const values = collectLeaves(entry, operatorSettings, { ...context, under });
      operators.push({ from, values });
    } else {
      faults.push(`${from}: is not a map: write { name: ..., role: viewer, hash: "sha256:..." }`);
    }
  }
  return operators;
}
