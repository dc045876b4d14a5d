import {
  compatibilityCases,
  type CompatibilityCase,
} from '../../src/validation/compatibility/compatibility-cases.fixture.ts';
import {
  isAllowed,
  type CompatibilityMode,
} from '../../src/validation/compatibility/compatibility.ts';
import type { Generated } from './generated.ts';

const head = `<!-- Made by npm run generate from src/validation/compatibility/compatibility-cases.fixture.ts: edit that. -->

# Changes of a schema and their verdicts

What \`headgate schemas check --against REF\`, \`schemas push\` and the registry say of a change between two
versions of an event. The tests run every row. How to choose a mode, and what to do about a change that is
not allowed: [schemas](schemas.md#compatibility).

A producer goes on sending what it sent; a consumer goes on reading the properties that its version lists,
and ignores others. A rule that is not looked into counts as breaking both.

| change | breaks | \`compatible\` | \`forward\` | said |
| --- | --- | --- | --- | --- |`;

/** docs/compatibility.md, from the cases that the tests run. */
export function generateCompatibilityDocs(): Generated {
  return { files: new Map([['docs/compatibility.md', renderCompatibilityDocs()]]) };
}

/** The whole page. */
export function renderCompatibilityDocs(): string {
  return `${head}\n${compatibilityCases.map(row).join('\n')}\n`;
}

function row({ change, breaks, says }: CompatibilityCase): string {
  const whom = breaks.length === 0 ? 'nobody' : breaks.join(', ');
  const said = says.length === 0 ? 'nothing' : says.map(escape).join('<br>');
  return `| ${change} | ${whom} | ${verdict('compatible', breaks)} | ${verdict('forward', breaks)} | ${said} |`;
}

function verdict(mode: CompatibilityMode, breaks: CompatibilityCase['breaks']): string {
  return isAllowed(mode, { place: '', breaks, message: '' }) ? 'allowed' : '**refused**';
}

function escape(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('*', '\\*');
}
