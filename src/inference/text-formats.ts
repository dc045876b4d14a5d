import { textCheckOf } from '../validation/schema/compile-schema.ts';
import { formatSubjectMax, type textFormats } from '../validation/schema/schema-formats.ts';

type Format = (typeof textFormats)[number];

interface FormatRule {
  readonly format: Format;
  /** Stands beside the format: schemas need it. */
  readonly maxLength: number;
  /** What most texts of other kinds do not meet, at little cost; `a:b` is a URI, too. */
  readonly mayBe: RegExp;
}

/**
 * The formats that a text can have by its look alone. The more specific come first. `hostname`,
 * `uri-reference`, `json-pointer` and `time` say too little: ordinary words have them.
 */
const rules: readonly FormatRule[] = [
  { format: 'uuid', maxLength: 36, mayBe: /^[0-9a-f]{8}-[0-9a-f-]{27}$/i },
  { format: 'date-time', maxLength: 64, mayBe: /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d/ },
  { format: 'date', maxLength: 10, mayBe: /^\d{4}-\d\d-\d\d$/ },
  { format: 'email', maxLength: 254, mayBe: /^[^\s@]+@[^\s@]+$/ },
  { format: 'ipv4', maxLength: 15, mayBe: /^\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}$/ },
  { format: 'ipv6', maxLength: 45, mayBe: /^[0-9a-f:.]*:[0-9a-f:.]*:[0-9a-f:.]*$/i },
  { format: 'uri', maxLength: formatSubjectMax, mayBe: /^[a-z][a-z0-9+.-]*:\/\// },
];

/** Before the first text. */
export const everyFormat = 2 ** rules.length - 1;

let checks: readonly ((text: string) => boolean)[] | undefined;

/** The formats among `candidates` that this text has. A bit for each. */
export function formatsOf(text: string, candidates: number): number {
  checks ??= rules.map(({ format }) => textCheckOf(format));
  let left = 0;
  for (const [index, { mayBe, maxLength }] of rules.entries()) {
    const bit = 1 << index;
    if ((candidates & bit) === 0 || text.length > maxLength || !mayBe.test(text)) continue;
    if (checks[index]!(text)) left |= bit;
  }
  return left;
}

/** The keywords for a set of formats; undefined if it is empty. */
export function formatKeywords(
  formats: number,
): { readonly format: Format; readonly maxLength: number } | undefined {
  const rule = rules.find((_rule, index) => (formats & (1 << index)) !== 0);
  return rule && { format: rule.format, maxLength: rule.maxLength };
}
