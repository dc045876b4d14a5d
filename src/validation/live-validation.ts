import { createValidation, type Validation, type ValidationOptions } from './validation.ts';
import type { Enforcement } from './modes.ts';
import type { SchemaRegistry } from './schema-registry.ts';

/** Validation against the current contracts, which can be replaced. */
export interface LiveValidation extends Pick<
  Validation,
  'validate' | 'nameSent' | 'redactRejected'
> {
  readonly registry: () => SchemaRegistry;
  /** What is in force, which the contracts of another gate may say. */
  readonly enforcement: () => Enforcement;
  readonly isPlanned: (eventName: string) => boolean;
  /**
   * Validates against another registry from the next event on. All events of a request are
   * validated synchronously, so that a request is never split between two registries.
   */
  replace(registry: SchemaRegistry, enforcement?: Enforcement): void;
}

/** Following changes costs one property read per event. */
export function createLiveValidation(
  first: SchemaRegistry,
  options: ValidationOptions = {},
): LiveValidation {
  let registry = first;
  let inForce = options.enforcement ?? 'on';
  let validation = createValidation(first, options);
  let planned = new Set(validation.eventNames);
  return {
    validate: (event) => validation.validate(event),
    nameSent: (event) => validation.nameSent(event),
    redactRejected: (event) => validation.redactRejected(event),
    registry: () => registry,
    enforcement: () => inForce,
    isPlanned: (eventName) => planned.has(eventName),
    replace: (next, enforcement = options.enforcement ?? 'on') => {
      const made = createValidation(next, { ...options, enforcement });
      registry = next;
      inForce = enforcement;
      validation = made;
      planned = new Set(made.eventNames);
    },
  };
}

/** The events of `after` that differ from `before`. Compared by identity. */
export function changedEvents(
  before: SchemaRegistry,
  after: SchemaRegistry,
): SchemaRegistry['events'] {
  const known = new Set(before.events);
  return after.events.filter((event) => !known.has(event));
}

/** The registry with the changed events replaced and new events appended. */
export function withEvents(before: SchemaRegistry, changed: SchemaRegistry): SchemaRegistry {
  const events = new Map(before.events.map((event) => [event.name, event]));
  for (const event of changed.events) events.set(event.name, event);
  return { ...changed, events: [...events.values()] };
}
