import type { StoredEvent } from '../../event/stored-event.ts';

export const messageGroupings = ['source', 'event', 'user'] as const;

/** By which of its fields an event belongs to a group, in whose order a queue delivers messages. */
export type MessageGrouping = (typeof messageGroupings)[number];

/** `user` is the user id, else the anonymous id, else the source. */
export function messageGroupOf(event: StoredEvent, groupBy: MessageGrouping): string {
  if (groupBy === 'event') return event.eventName;
  const ofUser = groupBy === 'user' ? event.userId || event.anonymousId : undefined;
  return ofUser || String(event.source);
}
