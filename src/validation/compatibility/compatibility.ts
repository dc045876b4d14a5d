import { compareSchemas } from './compare-schemas.ts';
import type { SchemaChange } from './schema-change.ts';
import type { JsonObject } from '../../event/json/json.ts';

/**
 * What a new version of an event may change.
 *
 * `compatible`: nothing that breaks producers or consumers; `forward`: nothing that breaks
 * consumers, but producers may have to change what they send; `backward`: nothing that breaks
 * producers, so that everything that was valid stays valid, in the log too, but consumers must know
 * the new version first; `none`: anything.
 */
export const compatibilityModes = ['compatible', 'forward', 'backward', 'none'] as const;
export type CompatibilityMode = (typeof compatibilityModes)[number];

/** The parties that a change can break. */
export const concerned = ['producers', 'consumers'] as const;
export type Concerned = (typeof concerned)[number];

/** One change between two versions, and the parties that it breaks. */
export interface CompatibilityFinding {
  /** `items[].sku`; empty for the properties as a whole. */
  readonly place: string;
  readonly breaks: readonly Concerned[];
  /** `version 3 makes 'currency' required: producers on version 2 would be rejected` */
  readonly message: string;
}

/** One version to compare. */
export interface ComparedVersion {
  readonly version: number;
  readonly schema: JsonObject;
}

/** Every change from one version to another. */
export function compatibilityFindings(
  before: ComparedVersion,
  after: ComparedVersion,
): CompatibilityFinding[] {
  return compareSchemas(before.schema, after.schema).map((change) => ({
    place: change.place,
    breaks: concerned.filter((who) => change[who] !== ''),
    message: sentence(change, before.version, after.version),
  }));
}

function sentence(change: SchemaChange, before: number, after: number): string {
  const effects = concerned
    .filter((who) => change[who] !== '')
    .map((who) => `${who} on version ${before} ${change[who]}`);
  const said = `version ${after} ${change.change}`;
  return effects.length === 0 ? `${said}: nothing breaks` : `${said}: ${effects.join(', ')}`;
}

/** Whom a new version must not break. */
const protectedBy: Readonly<Record<CompatibilityMode, readonly Concerned[]>> = {
  compatible: concerned,
  forward: ['consumers'],
  backward: ['producers'],
  none: [],
};

/** Whether an event with this compatibility mode allows the change. */
export function isAllowed(mode: CompatibilityMode, finding: CompatibilityFinding): boolean {
  return !finding.breaks.some((who) => protectedBy[mode].includes(who));
}
