/** One way in which two schemas differ, as part of a sentence: "makes 'currency' required". */
export interface SchemaChange {
  /** `items[].sku`; empty for the properties as a whole. */
  readonly place: string;
  readonly change: string;
  /** The effect on producers that do not change; empty if there is no effect. */
  readonly producers: string;
  /** The effect on consumers that do not change; empty if there is no effect. */
  readonly consumers: string;
}

export type ReportChange = (change: SchemaChange) => void;

/** A path in the schema, and its name in a sentence. */
export interface Place {
  readonly path: string;
  readonly name: string;
}

const narrowed = 'that send values it no longer accepts would be rejected';
const widened = 'would receive values they do not know';

/** A change that makes fewer values valid. */
export const narrows = (place: Place, change: string): SchemaChange => ({
  place: place.path,
  change,
  producers: narrowed,
  consumers: '',
});

/** A change that makes more values valid. */
export const widens = (place: Place, change: string): SchemaChange => ({
  place: place.path,
  change,
  producers: '',
  consumers: widened,
});

/** A change that is not analysed: it may do both. */
export const alters = (place: Place, change: string): SchemaChange => ({
  place: place.path,
  change,
  producers: narrowed,
  consumers: widened,
});
