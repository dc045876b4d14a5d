import type { Ledger } from './ledger.ts';

/** How a run ended. */
export interface TrackEnd {
  readonly seconds: number;
  /** Why it ended before its input. */
  readonly stopped: string | undefined;
  readonly validateOnly: boolean;
  /** One event by flags: the person wants its verdict. */
  readonly isSingle: boolean;
}

/** The result of a run as one line of JSON. */
export function summaryJson(ledger: Ledger, end: TrackEnd): string {
  const { counts, byCode, lastTaken } = ledger;
  return `${JSON.stringify({
    lines: counts.lines,
    accepted: counts.accepted,
    duplicates: counts.duplicates,
    rejected: counts.rejected,
    given_up: counts.givenUp,
    with_warnings: counts.warned,
    by_code: Object.fromEntries(byCode),
    ...(end.isSingle && lastTaken !== undefined && { event_id: lastTaken.eventId }),
    validate_only: end.validateOnly,
    stopped: end.stopped ?? null,
    seconds: Math.round(end.seconds * 1000) / 1000,
    events_per_second: rateOf(ledger, end),
  })}\n`;
}

/** The result for a person. */
export function summaryText(ledger: Ledger, end: TrackEnd): string {
  const { counts, byCode, lastTaken } = ledger;
  const speed = `; ${end.seconds.toFixed(1)} s, ${figure(rateOf(ledger, end))} events/s`;
  const lines = [
    `${figure(counts.lines)} ${counts.lines === 1 ? 'event' : 'events'}: ` +
      `${figure(counts.accepted)} accepted, ${figure(counts.duplicates)} duplicate, ` +
      `${figure(counts.rejected)} rejected, ${figure(counts.givenUp)} given up` +
      (end.isSingle ? '' : speed),
  ];
  for (const [code, count] of byCode) lines.push(`  ${code}: ${figure(count)}`);
  if (counts.warned > 0) lines.push(`  ${figure(counts.warned)} were taken with warnings`);
  if (end.validateOnly) lines.push('Validated only: nothing was stored.');
  else if (end.isSingle && lastTaken !== undefined) lines.push(`event_id ${lastTaken.eventId}`);
  return `${lines.join('\n')}\n`;
}

function figure(count: number): string {
  return count.toLocaleString('en');
}

function rateOf({ counts }: Ledger, { seconds }: TrackEnd): number {
  const settled = counts.accepted + counts.duplicates + counts.rejected;
  return Math.round(settled / Math.max(seconds, 0.001));
}
