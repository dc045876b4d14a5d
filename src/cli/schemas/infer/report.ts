import type { ContractPlan, EventOutcome } from '../../../inference/plan-contracts.ts';
import { countOf, type Doubt } from '../../../inference/schema-of-sketch.ts';
import type { SeenTraffic } from '../../../inference/traffic.ts';
import { eventsMax } from '../../../validation/taxonomy/taxonomy.ts';
import { markdownText } from '../../terminal/markdown.ts';
import { oneLine, print } from '../../terminal/print.ts';
import { printTable } from '../../terminal/table.ts';

/** What was read besides the events of the plan. */
export interface ReadingFacts {
  /** Where the contracts are written, for people. */
  readonly folder: string;
  readonly events: number;
  readonly unreadable: number;
  readonly unnamed: SeenTraffic['unnamed'];
  readonly otherUnnamed: number;
  readonly beyond: number;
  readonly isFull: boolean;
}

/** On a terminal. The file has them all. */
const linesShownMax = 60;
const linesOfEventMax = 5;
const headings = ['event', 'events', 'rejected', 'contract', 'to check'];

/** Prints a table of the events, and what a person should look at. */
export function printReport(plan: ContractPlan, facts: ReadingFacts): void {
  printTable(headings, plan.events.map(rowOf), process.stdout, ['events', 'rejected', 'to check']);
  const lines = plan.events.map(({ name, changes, doubts }) => [
    ...changes.map((change) => `  ${placeText(name, change)}`),
    ...doubts.map((doubt) => `  ? ${placeText(name, doubt)}`),
  ]);
  const shown = lines.flatMap((each) => each.slice(0, linesOfEventMax)).slice(0, linesShownMax);
  if (shown.length > 0) print('');
  for (const line of shown) print(oneLine(line));
  const more = lines.flat().length - shown.length;
  if (more > 0) print(`  ${more} more: --report FILE writes them all`);
  for (const line of factLines(facts)) print(oneLine(line));
}

function rowOf({ name, counts, done, file, doubts }: EventOutcome): string[] {
  const all = counts.stored + counts.rejected + counts.file;
  const contract = file === undefined ? done : `${done}: ${file}`;
  return [name, String(all), String(counts.rejected), contract, String(doubts.length)];
}

function placeText(name: string, { path, text }: Doubt): string {
  return path === '' ? `${name}: ${text}` : `${name} ${path}: ${text}`;
}

/** How many names that no taxonomy can have are shown. */
const unnamedShownMax = 20;

function factLines({ unreadable, unnamed, ...facts }: ReadingFacts): string[] {
  const lines: string[] = [];
  if (unreadable > 0) {
    lines.push(`${countOf(unreadable, 'line')} or rejected requests that a gate cannot read.`);
  }
  const shown = [...unnamed].slice(0, unnamedShownMax);
  for (const [name, count] of shown) {
    const text = `${countOf(count, 'event')} of the name ${JSON.stringify(name)}`;
    lines.push(`${text}, which no taxonomy can have.`);
  }
  const rest = [...unnamed.values()].slice(unnamedShownMax).reduce((sum, each) => sum + each, 0);
  const others = rest + facts.otherUnnamed;
  if (others > 0) {
    lines.push(`${countOf(others, 'event')} of other names that no taxonomy can have.`);
  }
  if (facts.beyond > 0) {
    const names = `names beyond the ${eventsMax.toLocaleString('en')} that a taxonomy can have`;
    lines.push(
      `${countOf(facts.beyond, 'event')} of ${names}: narrow it with --event or --source.`,
    );
  }
  if (facts.isFull) lines.push('There were too many different properties: not all are described.');
  return lines;
}

/** The report as a page for a review. */
export function markdownReport(plan: ContractPlan, facts: ReadingFacts): string {
  const table = [
    `| ${headings.join(' | ')} |`,
    '|---|--:|--:|---|--:|',
    ...plan.events.map((event) => `| ${rowOf(event).map(markdownText).join(' | ')} |`),
  ];
  const sections = plan.events
    .filter(({ changes, doubts }) => changes.length + doubts.length > 0)
    .flatMap(({ name, changes, doubts }) => [
      '',
      `## ${markdownText(name)}`,
      '',
      ...changes.map((change) => `- ${doubtText(change)}`),
      ...doubts.map((doubt) => `- [ ] ${doubtText(doubt)}`),
    ]);
  const notes = factLines(facts).map((line) => `- ${markdownText(line)}`);
  const head = `${facts.events.toLocaleString('en')} events were read.`;
  return [
    '# Contracts from what came',
    '',
    head,
    '',
    ...table,
    ...(notes.length > 0 ? ['', ...notes] : []),
    ...sections,
    '',
  ].join('\n');
}

function doubtText({ path, text }: Doubt): string {
  return path === ''
    ? markdownText(text)
    : `\`${path.replaceAll('`', "'")}\`: ${markdownText(text)}`;
}
