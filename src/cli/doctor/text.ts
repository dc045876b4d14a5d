import type { Finding, Level } from '../../doctor/finding.ts';
import { visible } from '../terminal/print.ts';

const marks: Readonly<Record<Level, string>> = {
  ok: 'ok     ',
  skipped: 'skipped',
  warning: 'WARNING',
  failure: 'FAILED ',
};

/** A line for each finding with its fix below, then the totals. */
export function findingsText(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ check }) => check.length));
  const lines = findings.flatMap(({ check, level, found, mend }) => {
    const line = `${marks[level]}  ${check.padEnd(width)}  ${oneLine(found)}`;
    const indent = ' '.repeat(marks.ok.length + width + 4);
    return mend === '' ? [line] : [line, `${indent}-> ${oneLine(mend)}`];
  });
  const count = (level: Level): number => findings.filter((one) => one.level === level).length;
  const sum = [
    `${count('failure')} failed`,
    `${count('warning')} to look at`,
    `${count('skipped')} skipped`,
    `${count('ok')} ok`,
  ].join(', ');
  return `${[...lines, sum].join('\n')}\n`;
}

/** Removes line breaks of our errors, and control characters of other systems. */
function oneLine(text: string): string {
  return visible(text).replaceAll(/\s*\n\s*/g, ' ');
}
