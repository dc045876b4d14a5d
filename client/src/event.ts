/** Any JSON value. Objects may have undefined fields, which are omitted. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue | undefined };

export type JsonObject = { readonly [name: string]: JsonValue | undefined };

/** Used without generated types: allows any event name and any properties. */
export type AnyEvents = Record<string, JsonObject>;

/** The fields of an event beside its name and properties. `userId` or `anonymousId` is required. */
export interface EventEnvelope {
  readonly userId?: string | undefined;
  readonly anonymousId?: string | undefined;
  /** Free form: library, ip, page, campaign. Merged over the client's `context`. */
  readonly context?: JsonObject | undefined;
  /** By the producer's clock. Default: the time of the call of `track()`. */
  readonly occurredAt?: Date | undefined;
  /** Default: the event's active version. */
  readonly schemaVersion?: number | undefined;
  /**
   * Your own UUID. Pass the same one whenever the same event is tracked again, for example by a job
   * that runs twice. Default: a UUIDv7 made by `track()`, the same on every retry.
   */
  readonly idempotencyKey?: string | undefined;
}

/**
 * One event to track. `Events` maps each event name to the type of its properties, so the name
 * determines which properties are required.
 */
export type TrackedEvent<Events extends object = AnyEvents> = {
  [Name in keyof Events & string]: EventEnvelope & {
    readonly eventName: Name;
  } & (Record<never, never> extends Events[Name]
      ? { readonly properties?: Events[Name] }
      : { readonly properties: Events[Name] });
}[keyof Events & string];

/** An event with any name and properties, as the client handles it internally. */
export interface UntypedEvent extends EventEnvelope {
  readonly eventName: string;
  readonly properties?: object | undefined;
}
