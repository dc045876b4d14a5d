import { fileNameOfName } from '../event/name/name-token.ts';
import { descriptionToWrite } from './schema-of-sketch.ts';
import type { NewEntry } from './taxonomy-text.ts';
import type { EventTraffic } from './traffic.ts';

/** The entry of a first contract. Nothing is turned away by it until a person enforces it. */
export function firstEntryOf({ name, sources }: EventTraffic): NewEntry {
  const from = sources.size === 0 ? '' : ` (sent by ${[...sources].sort().join(', ')})`;
  return {
    name,
    owner: descriptionToWrite,
    description: `${descriptionToWrite}: when it is sent${from}`,
    active: 1,
    mode: 'warn',
  };
}

/** Where the schema of a version is, from the folder of the contracts. */
export function schemaFileOf(name: string, version: number): string {
  return `${fileNameOfName(name)}/${version}.json`;
}
