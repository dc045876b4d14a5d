import type { SourceLimits } from './write-key.ts';

/** The provider whose signature scheme is used. */
export const webhookProviders = ['stripe', 'github', 'shopify', 'standard', 'hmac'] as const;
export type WebhookProvider = (typeof webhookProviders)[number];

/**
 * Where to find a value of a webhook: a JSON pointer into its body, or `header:` and the name of a
 * header.
 */
export type WebhookPlace = string;

/** The place of one object in the body, or one place for each property. */
export type WebhookProperties = WebhookPlace | Readonly<Record<string, WebhookPlace>>;

/** A source whose events arrive at `POST /v1/webhooks/<source>`. */
export interface WebhookSource {
  readonly source: string;
  readonly provider: WebhookProvider;
  /**
   * All secrets that are valid now. Plain text, because they are sent to gate processes;
   * `describeConfig` leaves them out.
   */
  readonly secrets: readonly string[];
  readonly toleranceMs: number;
  /** For `hmac` only. */
  readonly signature: {
    readonly header: string;
    readonly algorithm: 'sha256' | 'sha512' | 'sha1';
    readonly encoding: 'hex' | 'base64';
    readonly prefix: string;
  };
  /** The first of these places with a value counts. If empty, the default of the provider. */
  readonly type: readonly WebhookPlace[];
  readonly deliveryId: readonly WebhookPlace[];
  readonly userId: readonly WebhookPlace[];
  readonly anonymousId: readonly WebhookPlace[];
  readonly occurredAt: readonly WebhookPlace[];
  readonly properties: WebhookProperties;
  readonly events: readonly WebhookEvent[];
  /** Of the source, whichever of its entries states them. */
  readonly limits?: SourceLimits | undefined;
}

/** What happens to webhooks of some type. */
export interface WebhookEvent {
  /** The type. With a `*` at its end: every type with this prefix. */
  readonly type: string;
  readonly eventName: string;
  /** If undefined, the setting of the source applies. */
  readonly properties: WebhookProperties | undefined;
}
