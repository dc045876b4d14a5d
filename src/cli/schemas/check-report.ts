import type { EventChange, VersionStep } from '../../validation/compatibility/registry-changes.ts';
import { formatFault, type RegistryFault } from '../../validation/registry-fault.ts';
import { markdownText } from '../terminal/markdown.ts';

/** What `schemas check` found. */
export interface ReportedSchemas {
  readonly events: number;
  readonly faults: readonly RegistryFault[];
  /** With --against: the changes since. */
  readonly changes: readonly EventChange[] | undefined;
  readonly against: string | undefined;
  /** Without --against: each version against the one before. */
  readonly steps: readonly VersionStep[] | undefined;
}

/** GitHub cuts a comment at 65,536 characters. */
const characterMax = 60_000;

/** The findings as Markdown, for the comment on a pull request. */
export function checkReport(findings: ReportedSchemas): string {
  const lines = [`## Event schemas: ${verdictOf(findings)}`, '', ...bodyOf(findings), ''];
  const kept: string[] = [];
  let length = 0;
  for (const line of lines) {
    length += line.length + 1;
    if (length > characterMax) {
      kept.push('', 'There is more: run `headgate schemas check` to see it all.', '');
      break;
    }
    kept.push(line);
  }
  return kept.join('\n');
}

function verdictOf({ faults, changes, steps }: ReportedSchemas): string {
  if (faults.length > 0) return `${faults.length} to fix`;
  const refused = [
    ...(changes ?? []).filter(({ allowed }) => !allowed),
    ...(steps ?? []).filter(({ allowed, past }) => !allowed && !past),
  ].length;
  return refused === 0 ? 'nothing breaks its contract' : `${refused} not allowed`;
}

function bodyOf({ events, faults, changes, against, steps }: ReportedSchemas): string[] {
  if (faults.length > 0) {
    const list = faults.map((fault) => `- ${plain(formatFault(fault))}`);
    return ['A gate would not start with them:', '', ...list];
  }
  if (changes === undefined) {
    const refused = (steps ?? []).filter(({ allowed }) => !allowed);
    // What can still be changed comes first.
    const sorted = refused.toSorted((one, other) => Number(one.past) - Number(other.past));
    return [`${events} events are sound.`, ...sorted.flatMap(stepLines)];
  }
  if (changes.length === 0) return [`No event has changed since ${plain(against ?? '')}.`];
  // What is refused comes first.
  const sorted = changes.toSorted((one, other) => Number(one.allowed) - Number(other.allowed));
  return [
    `${events} events are sound. Since ${plain(against ?? '')}:`,
    ...sorted.flatMap((change) => changeLines(change)),
  ];
}

/** A version that is older than the active one cannot be changed any more, and is only reported. */
function stepLines(step: VersionStep): string[] {
  if (!step.past) return changeLines(step);
  const message = `${step.message}, and is older than the active one: only reported`;
  return changeLines({ ...step, message }, 'ℹ️');
}

function changeLines(
  { event, allowed, message, findings }: EventChange,
  mark = allowed ? '✅' : '❌',
): string[] {
  return [
    '',
    `${mark} **${plain(event)}**: ${plain(message)}`,
    ...(findings.length > 0 ? [''] : []),
    ...findings.map((finding) => `- ${plain(finding.message)}`),
  ];
}

/** Names come from the files of a pull request: they must not become markup or mentions. */
function plain(text: string): string {
  return markdownText(text).replaceAll(/[#~]/g, '\\$&').replaceAll('@', '&#64;');
}
