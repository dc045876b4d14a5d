import { stringify } from 'yaml';

/** An entry of a taxonomy to write. */
export interface NewEntry {
  readonly name: string;
  readonly owner: string;
  readonly description: string;
  /** The version that validates events without a version. */
  readonly active: number;
  /** `warn` until a person enforces it. */
  readonly mode: 'warn' | 'enforce' | 'off';
  /** Comments above the entry, one a line. */
  readonly notes?: readonly string[];
}

const width = 100;

/**
 * A taxonomy with these entries. Nothing is turned away by it: names that it does not list are stored
 * and reported (`unplanned: warn`), and so are events that break their contract (`mode: warn`).
 */
export function taxonomyText(entries: readonly NewEntry[], origin: string): string {
  const head = [
    `# ${origin}`,
    '# Replace each TODO, then `headgate schemas check`. Until you enforce it, nothing is turned away:',
    '# write `mode: enforce` on an event, and in the end `unplanned: reject`.',
    'naming: any',
    'unplanned: warn',
    '',
  ];
  return [...head, 'events:', ...entries.map(entryText)].join('\n');
}

/** An entry below `events:`. */
export function entryText(entry: NewEntry): string {
  const notes = (entry.notes ?? []).map((note) => `  # ${note.replaceAll(/\s+/g, ' ')}\n`).join('');
  const text = stringify({ [entry.name]: fieldsOf(entry) }, { lineWidth: width });
  return notes + text.replaceAll(/^(?=.)/gm, '  ');
}

/** The fields of an entry, in the order in which they are written. */
export function fieldsOf({ owner, description, active, mode }: NewEntry): object {
  return { owner, description, active, mode, compatibility: 'backward' };
}
