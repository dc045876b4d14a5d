import type { SourceLimiter } from './source-limiter.ts';

/** Longer than a client takes for an outage. Mixpanel's SDKs wait for an answer for 10 s and more. */
export const limitWaitMsMax = 5_000;
/** Events of one process that wait, over all sources. */
const waitingEventsMax = 2_000;

/**
 * Takes as the limiter does, for requests whose clients send nothing a second time: one that would be
 * refused waits until it is allowed, if that is soon. Their number is bounded: a source that is far
 * beyond its limit is refused at once.
 */
export function createLimitWaits({ take }: SourceLimiter): Pick<SourceLimiter, 'take'> {
  let waitingEvents = 0;
  return {
    take: (producer, ask, decide) => {
      const deadline = performance.now() + limitWaitMsMax;
      let isWaiting = false;
      const leave = (): void => {
        if (isWaiting) waitingEvents -= ask.events;
        isWaiting = false;
      };
      const tryNow = (): void => {
        take(producer, ask, (taken) => {
          const isSoon = performance.now() + taken.waitMs <= deadline;
          const hasRoom = isWaiting || waitingEvents + ask.events <= waitingEventsMax;
          if (taken.events > 0 || !isSoon || !hasRoom) {
            leave();
            decide(taken);
            return;
          }
          if (!isWaiting) waitingEvents += ask.events;
          isWaiting = true;
          setTimeout(tryNow, taken.waitMs);
        });
      };
      tryNow();
    },
  };
}
