import { EventResult_Status } from '../../gen/headgate/v1/event_result_pb.ts';
import type { Answered } from './send-events.ts';

export interface Report {
  readonly text: string;
  /** True if every event is stored. */
  readonly isClean: boolean;
}

const verdicts = [
  ['accepted', EventResult_Status.ACCEPTED],
  ['duplicate', EventResult_Status.DUPLICATE],
  ['rejected', EventResult_Status.REJECTED],
  ['retry', EventResult_Status.RETRY],
] as const;

/** Returns a table of the verdicts, and below it the reasons of events that were not stored. */
export function reportOf(answered: readonly Answered[]): Report {
  const counts = verdicts.map(
    ([name, status]) =>
      [name, answered.filter(({ result }) => result.status === status).length] as const,
  );
  const rows = [...counts, ['total', answered.length] as const];
  const lines = rows.map(([name, count]) => `${name.padEnd(10)}${String(count).padStart(6)}`);
  const notStored = answered.filter(
    ({ result }) =>
      result.status !== EventResult_Status.ACCEPTED &&
      result.status !== EventResult_Status.DUPLICATE,
  );
  return {
    text: [...lines, ...groupReasons(notStored)].join('\n'),
    isClean: notStored.length === 0,
  };
}

function groupReasons(notStored: readonly Answered[]): string[] {
  const groups = new Map<string, number>();
  for (const { event, result } of notStored) {
    const { code = 'no_reason', message = '', violations = [] } = result.error ?? {};
    const details =
      violations.length > 0
        ? violations.map(({ path, code: rule, message: why }) => `    ${path} ${rule}: ${why}`)
        : [`    ${message}`];
    const reason = [`${event.eventName}  ${code}`, ...details].join('\n');
    groups.set(reason, (groups.get(reason) ?? 0) + 1);
  }
  return [...groups]
    .sort(([left], [right]) => left.localeCompare(right))
    .map(([reason, count]) => `\n${count} x ${reason}`);
}
