/** A type that every language can express, read from a JSON Schema. */
export type ModelType =
  | { readonly kind: 'string' | 'number' | 'integer' | 'boolean' | 'null' }
  /** Strings, numbers, booleans and null, in the order of the schema. */
  | { readonly kind: 'enum'; readonly values: readonly (string | number | boolean | null)[] }
  | { readonly kind: 'array'; readonly items: ModelType }
  | { readonly kind: 'map'; readonly values: ModelType }
  | { readonly kind: 'object'; readonly name: string }
  | { readonly kind: 'union'; readonly of: readonly ModelType[] }
  /** Any value: no type can express what the schema states here. */
  | { readonly kind: 'any' };

export interface ModelMember {
  /** The name in the event. */
  readonly name: string;
  readonly type: ModelType;
  readonly required: boolean;
  readonly nullable: boolean;
  /** The schema's description, and the rules that only the gate checks. */
  readonly notes: readonly string[];
}

/** A named object type. */
export interface ModelObject {
  /** `OrderCompletedItem`. */
  readonly name: string;
  readonly members: readonly ModelMember[];
  /** The type of unlisted properties; undefined if they are not allowed. */
  readonly extra: ModelType | undefined;
  readonly notes: readonly string[];
}

/** One event with the types of its properties. */
export interface ModelEvent {
  readonly eventName: string;
  readonly description: string;
  readonly owner: string;
  readonly schemaVersion: number;
  /** The first is the type of the properties, which uses the others. */
  readonly objects: readonly ModelObject[];
}

/** Whether an event may be sent without properties. */
export function allOptional({ objects }: ModelEvent): boolean {
  return objects[0]!.members.every((member) => !member.required);
}
