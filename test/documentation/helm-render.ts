import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { parse, stringify } from 'yaml';

/** What templates may read. */
interface Chart {
  readonly Values: unknown;
  readonly Release: { readonly Namespace: string };
  readonly file: (name: string) => string;
}

/** Names of a `range`, with `$` for each. */
type Variables = ReadonlyMap<string, unknown>;

/**
 * Renders a chart as Helm does, for machines without it. Knows a strict part of the language: `if`, `else`,
 * `range $key, $value :=` over a map, values, variables, and the functions below. Throws at anything else.
 */
export function renderChart(folder: string, values: object, namespace: string): string {
  const chart: Chart = {
    Values: merge(parse(readFileSync(path.join(folder, 'values.yaml'), 'utf8')), values),
    Release: { Namespace: namespace },
    file: (name) => readFileSync(path.join(folder, name), 'utf8'),
  };
  const templates = path.join(folder, 'templates');
  return readdirSync(templates)
    .toSorted()
    .map((name) => render(readFileSync(path.join(templates, name), 'utf8'), chart))
    .join('\n---\n');
}

/** As Helm lays values of a user over those of the chart. */
function merge(base: unknown, over: unknown): unknown {
  if (!isMap(base) || !isMap(over)) return over ?? base;
  const keys = new Set([...Object.keys(base), ...Object.keys(over)]);
  return Object.fromEntries([...keys].map((key) => [key, merge(base[key], over[key])]));
}

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function render(text: string, chart: Chart): string {
  // A dash takes the white space beside it away.
  const trimmed = text.replaceAll(/\s*\{\{-/g, '{{').replaceAll(/-\}\}\s*/g, '}}');
  const tokens = trimmed.split(/(\{\{.*?\}\})/);
  const reader = { tokens, at: 0 };
  const output = renderUntil(reader, chart, new Map(), true);
  if (reader.at < tokens.length) throw new Error(`unexpected ${tokens[reader.at]}`);
  return output;
}

interface Reader {
  readonly tokens: readonly string[];
  at: number;
}

/** Up to `else` or `end`, or the end of the text. Blocks that do not apply are read, too. */
function renderUntil(reader: Reader, chart: Chart, variables: Variables, applies: boolean): string {
  let output = '';
  for (; reader.at < reader.tokens.length; reader.at += 1) {
    const token = reader.tokens[reader.at]!;
    if (!token.startsWith('{{')) {
      output += token;
      continue;
    }
    const action = token.slice(2, -2).trim();
    if (action === 'end' || action === 'else') break;
    const [, word, rest = ''] = /^(if|range) (.+)$/.exec(action) ?? [];
    if (word === 'if') output += renderIf(rest, reader, chart, variables, applies);
    else if (word === 'range') output += renderRange(rest, reader, chart, variables, applies);
    else if (applies) output += String(evaluate(action, chart, variables));
  }
  return output;
}

function renderIf(
  condition: string,
  reader: Reader,
  chart: Chart,
  variables: Variables,
  applies: boolean,
): string {
  const holds = applies && isTrue(evaluate(condition, chart, variables));
  reader.at += 1;
  const first = renderUntil(reader, chart, variables, holds);
  if (actionAt(reader) === 'end') return holds ? first : '';
  reader.at += 1;
  const second = renderUntil(reader, chart, variables, applies && !holds);
  expectEnd(reader);
  return holds ? first : applies ? second : '';
}

function renderRange(
  text: string,
  reader: Reader,
  chart: Chart,
  variables: Variables,
  applies: boolean,
): string {
  const [, key, value, map] = /^(\$\w+), (\$\w+) := (\S+)$/.exec(text) ?? [];
  if (map === undefined) throw new Error(`not a range that is known here: ${text}`);
  const entries = applies ? Object.entries(evaluate(map, chart, variables) as object) : [];
  const begin = reader.at + 1;
  const parts = entries
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, one]) => {
      reader.at = begin;
      return renderUntil(reader, chart, new Map([...variables, [key!, name], [value!, one]]), true);
    });
  reader.at = begin;
  renderUntil(reader, chart, variables, false);
  expectEnd(reader);
  return parts.join('');
}

const actionAt = ({ tokens, at }: Reader): string | undefined => tokens[at]?.slice(2, -2).trim();

function expectEnd(reader: Reader): void {
  if (actionAt(reader) !== 'end') throw new Error('a block without its end');
}

/** An empty text, 0, and an empty map are false, as in Go. */
const isTrue = (value: unknown): boolean =>
  isMap(value) ? Object.keys(value).length > 0 : Boolean(value);

const indented = (text: string, width: number): string =>
  text
    .split('\n')
    .map((line) => `${' '.repeat(width)}${line}`)
    .join('\n');

/** The last argument is what comes through the pipe. */
const functions: Readonly<Record<string, (...args: never[]) => unknown>> = {
  toYaml: (value: unknown) => stringify(value).trimEnd(),
  toJson: (value: unknown) => JSON.stringify(value),
  quote: (value: unknown) => JSON.stringify(String(value)),
  sha256sum: (text: string) => createHash('sha256').update(text).digest('hex'),
  nindent: (width: number, text: string) => `\n${indented(text, width)}`,
  replace: (found: string, by: string, text: string) => text.replaceAll(found, by),
  not: (value: unknown) => !isTrue(value),
};

function evaluate(pipeline: string, chart: Chart, variables: Variables): unknown {
  return pipeline.split(' | ').reduce<unknown>((piped, call, index) => {
    const [head = '', ...words] = call.match(/"[^"]*"|\S+/g) ?? [];
    const args = words.map((word) => term(word, chart, variables));
    if (head === '.Files.Get') return chart.file(String(args[0]));
    const known = functions[head] as ((...all: unknown[]) => unknown) | undefined;
    if (known === undefined && (args.length > 0 || index > 0))
      throw new Error(`no function ${head}`);
    if (known === undefined) return term(head, chart, variables);
    return known(...args, ...(index > 0 ? [piped] : []));
  }, undefined);
}

function term(word: string, chart: Chart, variables: Variables): unknown {
  if (word.startsWith('"')) return JSON.parse(word);
  if (/^\d+$/.test(word)) return Number(word);
  if (variables.has(word)) return variables.get(word);
  const steps = /^\$?\.((?:Values|Release)(?:\.\w+)+)$/.exec(word)?.[1]?.split('.');
  if (steps === undefined) throw new Error(`not known here: ${word}`);
  let value: unknown = chart;
  for (const step of steps) {
    if (!isMap(value) || !(step in value)) throw new Error(`no value ${word}`);
    value = value[step];
  }
  return value;
}
