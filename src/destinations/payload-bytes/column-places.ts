import type { PayloadMembers } from '../payload-members.ts';
import { eventColumns } from '../tables/event-columns.ts';
import { placeOf } from './payload-places.ts';

/** Of each of `eventColumns` the place of its member in a payload; -1 where the event does not have the value. */
export const columnPlaces: readonly number[] = eventColumns.map(({ field }) =>
  field === '' ? -1 : placeOf(field as keyof PayloadMembers),
);
