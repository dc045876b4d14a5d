import { isCanarySubject } from './canary.ts';
import { eventNameOf, sourceOf } from './delivery-attempt.ts';
import { compileEventGlobs } from './glob.ts';

/** The events that a destination wants: globs on the name and on the source. Empty matches all. */
export interface EventFilter {
  readonly events: readonly string[];
  readonly sources: readonly string[];
}

/**
 * Compiles the filter to a matcher for EVENTS subjects, which hold both. Heartbeats never match.
 */
export function compileEventFilter({ events, sources }: EventFilter): (subject: string) => boolean {
  const isNamed = compileEventGlobs(events);
  if (sources.length === 0) {
    return (subject) => !isCanarySubject(subject) && isNamed(eventNameOf(subject));
  }
  const isFrom = compileEventGlobs(sources);
  return (subject) =>
    !isCanarySubject(subject) && isNamed(eventNameOf(subject)) && isFrom(sourceOf(subject));
}
