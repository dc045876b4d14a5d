import { createValidation, type Validation, type ValidationOptions } from './validation.ts';
import type { SchemaRegistry } from './schema-registry.ts';

/** Validation by the current contracts. */
export interface LiveValidation extends Pick<Validation, 'validate' | 'redactRejected'> {
  readonly registry: () => SchemaRegistry;
  readonly isPlanned: (eventName: string) => boolean;
  /**
   * Validates by another registry from the next event on. A request's events are validated in one go, so
   * none is validated half by the one and half by the other.
   */
  replace(registry: SchemaRegistry): void;
}

/** All that follows a change is one property read an event. */
export function createLiveValidation(
  first: SchemaRegistry,
  options: ValidationOptions = {},
): LiveValidation {
  let registry = first;
  let validation = createValidation(first, options);
  let planned = new Set(validation.eventNames);
  return {
    validate: (event) => validation.validate(event),
    redactRejected: (event) => validation.redactRejected(event),
    registry: () => registry,
    isPlanned: (eventName) => planned.has(eventName),
    replace: (next) => {
      const made = createValidation(next, options);
      registry = next;
      validation = made;
      planned = new Set(made.eventNames);
    },
  };
}

/** The events of a registry that another does not have as they are: they are kept by identity. */
export function changedEvents(
  before: SchemaRegistry,
  after: SchemaRegistry,
): SchemaRegistry['events'] {
  const known = new Set(before.events);
  return after.events.filter((event) => !known.has(event));
}

/** The registry with some of its events replaced and new ones appended. */
export function withEvents(before: SchemaRegistry, changed: SchemaRegistry): SchemaRegistry {
  const events = new Map(before.events.map((event) => [event.name, event]));
  for (const event of changed.events) events.set(event.name, event);
  return { ...changed, events: [...events.values()] };
}
