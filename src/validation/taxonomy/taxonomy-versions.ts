import type { ReportFault } from '../registry-fault.ts';

/** Maps a superseded version to the version that validates in its place. */
export type Superseded = ReadonlyMap<number, number>;

/**
 * Reads `supersedes: { 3: [1, 2] }`: version 3 validates events that name version 1 or 2. This
 * fixes a broken version that producers already send, without updating the producers.
 */
export function readSupersedes(
  value: unknown,
  active: number,
  place: string,
  report: ReportFault,
): Superseded {
  const superseded = new Map<number, number>();
  if (value === undefined) return superseded;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    report(
      `${place} is not a mapping`,
      'Write, for example, { 3: [2] }: version 3 then validates events of version 2.',
    );
    return superseded;
  }
  for (const [key, list] of Object.entries(value)) {
    const successor = Number(key);
    const versions = isVersion(successor) && Array.isArray(list) ? (list as unknown[]) : [];
    if (versions.length === 0 || !versions.every((each) => isVersion(each) && each < successor)) {
      report(
        `${place}.${key} is not a version with a list of earlier ones`,
        'Write, for example, { 3: [1, 2] }: version 3 then validates events of versions 1 and 2.',
      );
      continue;
    }
    for (const version of versions as number[]) {
      if (superseded.has(version)) report(`${place} names ${version} twice`, 'Keep the latest.');
      superseded.set(version, successor);
    }
  }
  for (const [version, successor] of superseded) {
    if (!superseded.has(successor)) continue;
    const last = superseded.get(successor)!;
    report(
      `${place} has ${successor} for ${version}, and ${last} for ${successor}`,
      `Name ${version} under ${last}: each version names the one that validates directly.`,
    );
  }
  if (superseded.has(active)) {
    report(
      `${place} has ${superseded.get(active)} for ${active}, which is active`,
      `Write active: ${superseded.get(active)}.`,
    );
  }
  return superseded;
}

/** Reads `deprecated: [1, 2]`. */
export function readDeprecated(
  value: unknown,
  active: number,
  place: string,
  report: ReportFault,
): readonly number[] {
  if (value === undefined) return [];
  if (!Array.isArray(value) || !value.every(isVersion)) {
    report(`${place} is not a list of versions`, 'Write, for example, [1, 2].');
    return [];
  }
  if (value.includes(active)) {
    report(`${place} names ${active}, which is active`, 'Make another version active first.');
  }
  return [...new Set(value)];
}

function isVersion(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1;
}
