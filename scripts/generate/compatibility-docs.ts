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

# Compatibility of schema changes

You changed a schema. This table says whom the change breaks, and whether the event's \`compatibility\` allows it. To check a
change before you merge it:

\`\`\`
$ headgate schemas check --against origin/main
\`\`\`

\`headgate schemas check --against REF\`, \`schemas push\` and the registry all follow this table; the tests run every row. How to
choose a mode, and what to do when a change is not allowed: [schemas](schemas.md#compatibility).

A producer keeps sending what it sent. A consumer keeps reading the properties that its version lists, and ignores others.
Headgate does not analyse every keyword; a change of one that it does not analyse counts as breaking both.

| change | breaks | \`compatible\` | \`forward\` | \`backward\` | the message |
| --- | --- | --- | --- | --- | --- |`;

/** docs/contracts/compatibility.md, from the cases that the tests run. */
export function generateCompatibilityDocs(): Generated {
  return { files: new Map([['docs/contracts/compatibility.md', renderCompatibilityDocs()]]) };
}

/** The whole page. */
export function renderCompatibilityDocs(): string {
  return `${head}\n${compatibilityCases.map(row).join('\n')}\n`;
}

/** `none` allows every change. */
const modes = ['compatible', 'forward', 'backward'] as const;

function row({ change, breaks, says }: CompatibilityCase): string {
  const whom = breaks.length === 0 ? 'nobody' : breaks.join(', ');
  const said = says.length === 0 ? 'nothing' : says.map(escape).join('<br>');
  const verdicts = modes.map((mode) => verdict(mode, breaks));
  return `| ${[change, whom, ...verdicts, said].join(' | ')} |`;
}

function verdict(mode: CompatibilityMode, breaks: CompatibilityCase['breaks']): string {
  return isAllowed(mode, { place: '', breaks, message: '' }) ? 'allowed' : '**refused**';
}

function escape(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('*', '\\*');
}
