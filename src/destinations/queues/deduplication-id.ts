/**
 * The id by which a stream or a queue recognizes a second copy of an event. It looks for the id in all
 * of its messages, so two destinations that write to the same one need different ids for an event:
 * else it drops what the second one sends.
 */
export function deduplicationId(destination: string, eventId: string): string {
  return `${destination}:${eventId}`;
}
