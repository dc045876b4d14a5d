import type { RegisteredEvent } from '../../../gen/headgate/v1/registered_event_pb.ts';
import type { VersionStates } from '../../validation/taxonomy/version-state.ts';

/** What a gate tells of the versions of an event, as an entry of the taxonomy says it. */
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
