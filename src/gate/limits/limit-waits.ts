import type { SourceLimiter } from './source-limiter.ts';

/** Longer than a client takes for an outage. Mixpanel's SDKs wait for an answer for 10 s and more. */
export const limitWaitMsMax = 5_000;
/**
 * Events of one process that wait, over all sources. A source has half of what the others leave at most, so
 * that one that floods always leaves room: 2,000 if it is alone, which is Mixpanel's largest batch.
 */
const waitingEventsMax = 4_000;

/**
 * Takes as the limiter does, for requests whose clients send nothing a second time: one that would be
 * refused waits until it is allowed, if that is soon. Their number is bounded: a source that is far
 * beyond its limit is refused at once.
 */
export function createLimitWaits({ take }: SourceLimiter): Pick<SourceLimiter, 'take'> {
  const waitingOf = new Map<string, number>();
  let waitingEvents = 0;
  const count = (source: string, events: number): void => {
    const own = (waitingOf.get(source) ?? 0) + events;
    if (own === 0) waitingOf.delete(source);
    else waitingOf.set(source, own);
    waitingEvents += events;
  };
  const hasRoomFor = (source: string, events: number): boolean => {
    const own = waitingOf.get(source) ?? 0;
    const others = waitingEvents - own;
    return own + events <= (waitingEventsMax - others) / 2;
  };
  return {
    take: (producer, ask, decide) => {
      const { source } = producer;
      const deadline = performance.now() + limitWaitMsMax;
      let isWaiting = false;
      const leave = (): void => {
        if (isWaiting) count(source, -ask.events);
        isWaiting = false;
      };
      const tryNow = (): void => {
        take(producer, ask, (taken) => {
          const isSoon = performance.now() + taken.waitMs <= deadline;
          const hasRoom = isWaiting || hasRoomFor(source, ask.events);
          if (taken.events > 0 || !isSoon || !hasRoom) {
            leave();
            decide(taken);
            return;
          }
          if (!isWaiting) count(source, ask.events);
          isWaiting = true;
          setTimeout(tryNow, taken.waitMs);
        });
      };
      tryNow();
    },
  };
}
