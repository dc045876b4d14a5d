/** The states of an event's versions, from its entry. */
export interface VersionStates {
  readonly active: number;
  readonly superseded: ReadonlyMap<number, number>;
  readonly deprecated: readonly number[];
}

/** `active`, `validated by 3`, `deprecated`, or empty: the state of a version as text. */
export function versionState(
  version: number,
  { active, superseded, deprecated }: VersionStates,
): string {
  if (version === active) return 'active';
  const successor = superseded.get(version);
  if (successor !== undefined) return `validated by ${successor}`;
  return deprecated.includes(version) ? 'deprecated' : '';
}

/** `1 (deprecated), 2, 3 (active)` */
export function versionList(versions: readonly number[], states: VersionStates): string {
  return versions
    .map((version) => {
      const state = versionState(version, states);
      return state === '' ? String(version) : `${version} (${state})`;
    })
    .join(', ');
}
