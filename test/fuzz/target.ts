import type { Chance } from '../endpoints/chance.ts';

export type Headers = Readonly<Record<string, string>>;

/** One endpoint, and a sound request to it, which the fuzzer changes. */
export interface Target {
  readonly name: string;
  readonly port: 'public' | 'admin';
  readonly version: '1.1' | '2';
  readonly method: string;
  readonly path: string;
  readonly contentType: string;
  readonly isJson: boolean;
  /** The members of a request itself that the endpoint reads, also those that the sample leaves out. */
  readonly members?: readonly string[];
  /** The answer may stay open, and its head may come with the first message. */
  readonly isStream?: boolean;
  sample(chance: Chance): Buffer;
  /** Puts the message into its frame, after some of the changes. */
  readonly frame?: (message: Buffer) => Buffer;
  /** Headers that depend on the changed body: its signature. */
  headers?(body: Buffer): Headers;
}
