import { completeLimits, isSameLimits, type SourceLimits } from '../write-key.ts';
import type { TableValues } from './table-values.ts';

/** The limits that one entry of the file states, and where. */
export interface StatedLimits {
  readonly source: string;
  readonly limits: SourceLimits;
  /** `headgate.yaml: keys[0]`. */
  readonly from: string;
}

/** Reads `limits` of a key or a source of webhooks. Undefined if it states none. */
export function buildSourceLimits(
  { values, faulty, from }: TableValues,
  faults: string[],
): SourceLimits | undefined {
  const eventsPerSecond = values.get('limits.events_per_second') as number | undefined;
  const burst = values.get('limits.burst') as number | undefined;
  const bytesPerDay = values.get('limits.bytes_per_day') as number | undefined;
  const isRateFaulty = faulty.has('limits.events_per_second');
  if (burst !== undefined && eventsPerSecond === undefined && !isRateFaulty) {
    faults.push(
      `${from('limits.burst')}: is used with limits.events_per_second only: write that beside it, ` +
        'or remove this',
    );
  }
  return completeLimits({ eventsPerSecond, burst, bytesPerDay });
}

/**
 * The rules between entries: those of one source state the same limits, and a day has room for the
 * largest request. Adds problems to `faults`.
 */
export function validateSourceLimits(
  stated: readonly StatedLimits[],
  requestBytesMax: number | undefined,
  faults: string[],
): void {
  const first = new Map<string, StatedLimits>();
  for (const each of stated) {
    const { source, limits, from } = each;
    const { bytesPerDay } = limits;
    if (bytesPerDay !== undefined && bytesPerDay < (requestBytesMax ?? 0)) {
      faults.push(
        `${from}.limits.bytes_per_day: ${bytesPerDay} is below limits.request_bytes_max ` +
          `(${requestBytesMax}), so that a large request could never be taken: raise it, or lower ` +
          'the other',
      );
    }
    const earlier = first.get(source);
    if (earlier === undefined) first.set(source, each);
    else if (!isSameLimits(earlier.limits, limits)) {
      faults.push(
        `${from}.limits: differs from ${earlier.from}.limits, and both are of the source ` +
          `"${source}": limits belong to the source, so state them at one of the two, or the same ` +
          'at both',
      );
    }
  }
}
