/** The provider whose signature scheme is used. */
export const webhookProviders = ['stripe', 'github', 'shopify', 'standard', 'hmac'] as const;
export type WebhookProvider = (typeof webhookProviders)[number];

/**
 * Where something of a webhook is found: a JSON pointer into its body, or `header:` and the name of a
 * header.
 */
export type WebhookPlace = string;

/** One object of the body, or a property each of places of their own. */
export type WebhookProperties = WebhookPlace | Readonly<Record<string, WebhookPlace>>;

/** A source of events that comes by `POST /v1/webhooks/<source>`. */
export interface WebhookSource {
  readonly source: string;
  readonly provider: WebhookProvider;
  /**
   * All that count just now. Plain, since gate processes are handed them as values; `describeConfig`
   * leaves them out.
   */
  readonly secrets: readonly string[];
  readonly toleranceMs: number;
  /** Of `hmac` alone. */
  readonly signature: {
    readonly header: string;
    readonly algorithm: 'sha256' | 'sha512' | 'sha1';
    readonly encoding: 'hex' | 'base64';
    readonly prefix: string;
  };
  /** The first of these places that has something counts. Empty: as the provider has it. */
  readonly type: readonly WebhookPlace[];
  readonly deliveryId: readonly WebhookPlace[];
  readonly userId: readonly WebhookPlace[];
  readonly anonymousId: readonly WebhookPlace[];
  readonly occurredAt: readonly WebhookPlace[];
  readonly properties: WebhookProperties;
  readonly events: readonly WebhookEvent[];
}

/** What happens to webhooks of some type. */
export interface WebhookEvent {
  /** The type; with a `*` at its end, every type that begins so. */
  readonly type: string;
  readonly eventName: string;
  /** If undefined, the setting of the source applies. */
  readonly properties: WebhookProperties | undefined;
}
