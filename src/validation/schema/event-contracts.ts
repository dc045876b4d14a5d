import type { EventContract } from '../../event/contracts/event-contract.ts';
import { expandSchema } from './expand-schema.ts';
import type { PlannedEvent, SchemaRegistry } from '../schema-registry.ts';

const lists = new WeakMap<SchemaRegistry, readonly EventContract[]>();
const entries = new WeakMap<PlannedEvent, EventContract>();

/** The contracts of a registry, for those who store properties by their types. Made once for each. */
export function eventContractsOf(registry: SchemaRegistry): readonly EventContract[] {
  let list = lists.get(registry);
  if (list === undefined) lists.set(registry, (list = registry.events.map(contractOf)));
  return list;
}

function contractOf(event: PlannedEvent): EventContract {
  let contract = entries.get(event);
  if (contract === undefined) {
    const schemas = event.versions.map(({ schema }) => expandSchema(schema));
    entries.set(event, (contract = { name: event.name, schemas }));
  }
  return contract;
}
