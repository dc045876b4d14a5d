/** One way in which two schemas differ, as part of a sentence: "makes 'currency' required". */
export interface SchemaChange {
  /** `items[].sku`; empty for the whole. */
  readonly place: string;
  readonly change: string;
  /** The effect on producers that do not change; empty if there is no effect. */
  readonly producers: string;
  /** The effect on consumers that do not change; empty if there is no effect. */
  readonly consumers: string;
}

export type ReportChange = (change: SchemaChange) => void;

/** Where in the schema something stands, and how a sentence names it. */
export interface Place {
  readonly path: string;
  readonly name: string;
}

const narrowed = 'that send what it no longer takes would be rejected';
const widened = 'would meet values they do not know';

/** A change by which fewer values are valid. */
export const narrows = (place: Place, change: string): SchemaChange => ({
  place: place.path,
  change,
  producers: narrowed,
  consumers: '',
});

/** A change by which more values are valid. */
export const widens = (place: Place, change: string): SchemaChange => ({
  place: place.path,
  change,
  producers: '',
  consumers: widened,
});

/** A change that is not taken apart: it may do both. */
export const alters = (place: Place, change: string): SchemaChange => ({
  place: place.path,
  change,
  producers: narrowed,
  consumers: widened,
});
