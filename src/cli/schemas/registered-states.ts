import type { RegisteredEvent } from '../../../gen/headgate/v1/registered_event_pb.ts';
import type { VersionStates } from '../../validation/taxonomy/version-state.ts';

/** The versions of an event as a gate reports them, in the form of a taxonomy entry. */
export function registeredStates({ active, versions }: RegisteredEvent): VersionStates {
  return {
    active,
    superseded: new Map(
      versions.flatMap(({ version, supersededBy }) =>
        supersededBy > 0 ? [[version, supersededBy] as const] : [],
      ),
    ),
    deprecated: versions.filter(({ deprecated }) => deprecated).map(({ version }) => version),
  };
}
