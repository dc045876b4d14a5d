import { isMap, isScalar, parseDocument, type Document, type Node } from 'yaml';

import { entryText, fieldsOf, type NewEntry } from './taxonomy-text.ts';

/** What is added to a taxonomy that people have written. */
export interface TaxonomyAdditions {
  readonly entries: readonly NewEntry[];
  /** The versions to make active, by event. */
  readonly activated: ReadonlyMap<string, number>;
}

/** A taxonomy with additions. Its layout and its comments stay, unless it is written in one line. */
export function addToTaxonomy(text: string, additions: TaxonomyAdditions): string {
  const { entries, activated } = additions;
  if (entries.length === 0 && activated.size === 0) return text;
  const document = parseDocument(text);
  const edits = [
    ...[...activated].map(([name, version]) => activeEdit(document, name, version)),
    ...(entries.length === 0 ? [] : [insertion(text, document, entries)]),
  ];
  if (edits.some((edit) => edit === undefined)) return rewritten(document, additions);
  return (edits as readonly Edit[])
    .toSorted((one, other) => other.at - one.at)
    .reduce((sum, { at, to, put }) => sum.slice(0, at) + put + sum.slice(to), text);
}

/** Replaces the text from `at` to `to`. */
interface Edit {
  readonly at: number;
  readonly to: number;
  readonly put: string;
}

function activeEdit(document: Document, name: string, version: number): Edit | undefined {
  const node = document.getIn(['events', name, 'active'], true);
  if (!isScalar(node) || !node.range) return undefined;
  return { at: node.range[0], to: node.range[1], put: String(version) };
}

/** Adds entries at the end of `events`. */
function insertion(
  text: string,
  document: Document,
  entries: readonly NewEntry[],
): Edit | undefined {
  const map = document.get('events', true);
  if (!isMap(map) || map.flow === true || map.items.length === 0) return undefined;
  const first = map.items[0]!.key;
  if (!isScalar(first) || !first.range) return undefined;
  const indent = first.range[0] - (text.lastIndexOf('\n', first.range[0] - 1) + 1);
  const end = text.indexOf('\n', endOf(map));
  const at = end === -1 ? text.length : end + 1;
  const lines = entries.map((entry) =>
    entryText(entry).replaceAll(/^ {2}(?=.)/gm, ' '.repeat(indent)),
  );
  return { at, to: at, put: (end === -1 ? '\n' : '') + lines.join('') };
}

/** The end of the last value in a mapping, without the comments after it. */
function endOf(node: Node): number {
  const last = isMap(node) && node.flow !== true ? node.items.at(-1)?.value : undefined;
  return last === undefined || last === null ? (node.range?.[1] ?? 0) : endOf(last as Node);
}

/** Keeps comments, but not the layout. */
function rewritten(document: Document, { entries, activated }: TaxonomyAdditions): string {
  for (const entry of entries) {
    document.setIn(['events', entry.name], document.createNode(fieldsOf(entry)));
  }
  for (const [name, version] of activated) document.setIn(['events', name, 'active'], version);
  return document.toString({ lineWidth: 0 });
}
