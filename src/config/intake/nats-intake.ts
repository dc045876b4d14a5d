import type { SourceLimits } from '../write-key.ts';

/** A source whose events are taken from a JetStream stream of the operator. */
export interface NatsIntake {
  readonly source: string;
  readonly stream: string;
  /** The durable consumer, which the operator has made. Every gate that takes from it shares it. */
  readonly consumer: string;
  readonly format: NatsIntakeFormat;
  /**
   * How to reach that NATS, by the names of the settings. Undefined: it is the NATS of the log.
   * Plain text, because it is sent to gate processes; `describeConfig` masks the secrets.
   */
  readonly server: Readonly<Record<string, string>> | undefined;
  /** Of the source, whichever of its entries states them. */
  readonly limits?: SourceLimits | undefined;
}

export const natsIntakeFormats = ['headgate', 'cloudevents'] as const;
export type NatsIntakeFormat = (typeof natsIntakeFormats)[number];

/** Each has a connection of its own in every gate process. */
export const natsIntakesMax = 100;
