/** What JSON can say. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue | undefined };

export type JsonObject = { readonly [name: string]: JsonValue | undefined };

/** Without generated types every name goes with any properties. */
export type AnyEvents = Record<string, JsonObject>;

/** The fields of an event beside its name and properties. At least one of the two ids is needed. */
export interface EventEnvelope {
  readonly userId?: string | undefined;
  readonly anonymousId?: string | undefined;
  /** Free form: library, ip, page, campaign. Laid over the client's own `context`. */
  readonly context?: JsonObject | undefined;
  /** The producer's clock. Default: the moment of `track()`, however late the event arrives. */
  readonly occurredAt?: Date | undefined;
  /** Default: the event's active version. */
  readonly schemaVersion?: number | undefined;
  /**
   * A UUID of your own, the same whenever this same event is tracked again (a job that is run twice).
   * Default: a UUIDv7 made by `track()`, and kept on every retry.
   */
  readonly idempotencyKey?: string | undefined;
}

/**
 * One event to track. `Events` maps each event name to the type of its properties; the name chooses
 * which properties are asked for.
 */
export type TrackedEvent<Events extends object = AnyEvents> = {
  [Name in keyof Events & string]: EventEnvelope & {
    readonly eventName: Name;
  } & (Record<never, never> extends Events[Name]
      ? { readonly properties?: Events[Name] }
      : { readonly properties: Events[Name] });
}[keyof Events & string];

/** An event of any name, as the client itself handles it. */
export interface UntypedEvent extends EventEnvelope {
  readonly eventName: string;
  readonly properties?: object | undefined;
}
