import { canonicalName } from '../event/name/event-name.ts';
import type { IncomingEvent } from '../event/incoming-event.ts';
import type { Aliases } from './taxonomy/naming.ts';

type Named = Pick<IncomingEvent, 'eventName' | 'vendorCall' | 'written'>;

/** Returns the event under the name by which it is validated and stored: mostly the event itself. */
export type NameSent = <Event extends Named>(event: Event) => Event;

/**
 * Resolves aliases, and writes texts that look the same in one form. An alias applies to the name as it
 * was sent to a vendor's endpoint, or else to the name that the endpoint made of it.
 */
export function createNameSent(
  aliases: Aliases,
  isPlanned: (eventName: string) => boolean,
): NameSent {
  const targets = new Map(Object.entries(aliases));
  const renamed = <Event extends Named>(event: Event, eventName: string): Event =>
    // What is known of the texts of an event is known of its name as it was sent.
    eventName === event.eventName ? event : { ...event, eventName, written: undefined };
  const canonical = <Event extends Named>(event: Event): Event =>
    isPlanned(event.eventName) ? event : renamed(event, canonicalName(event.eventName));
  if (targets.size === 0) return canonical;
  return (sent) => {
    const event = canonical(sent);
    const original = event.vendorCall?.eventName;
    const target =
      (original === undefined ? undefined : targets.get(canonicalName(original))) ??
      targets.get(event.eventName);
    return target === undefined ? event : renamed(event, target);
  };
}
