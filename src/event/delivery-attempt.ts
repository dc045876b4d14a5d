import { nameOfToken } from './name/name-token.ts';

/**
 * One failed attempt to deliver one event to one destination: the ProtoJSON of
 * `headgate.v1.DeliveryAttempt`, as the stream ATTEMPTS holds it.
 */
export interface DeliveryAttempt {
  readonly destination: string;
  /** A uint64, which ProtoJSON writes as a string. */
  readonly sequence: string;
  readonly eventId: string;
  /** Counts from 1. A number can repeat after a restart; `startedAt` distinguishes the attempts. */
  readonly attempt: number;
  /** Whether it counts towards `retry.attempts`. False if the destination caused the failure. */
  readonly charged: boolean;
  /** RFC 3339. */
  readonly startedAt: string;
  readonly durationMs: number;
  /** The destination's own code, if it has one: `503`. */
  readonly status: string;
  readonly error: string;
  readonly correlationId: string;
  readonly stream: DeliveredStream;
}

/** The streams from which events reach a destination. */
export type DeliveredStream = 'EVENTS' | 'REPLAY';

/** An event that could not be delivered, on its way to the dead letters. */
export interface GivenUpEvent {
  readonly destination: string;
  readonly stream: DeliveredStream;
  /** The event as the log holds it. */
  readonly message: {
    readonly subject: string;
    readonly sequence: number;
    readonly payload: Uint8Array;
    header(name: string): string;
  };
  readonly reason: string;
  /** The attempt that decided it, if the caller knows it: ATTEMPTS may not hold it yet. */
  readonly lastAttempt?: DeliveryAttempt;
}

/** Resolves once the dead letter is stored, as durably as an event is. */
export type GiveUp = (event: GivenUpEvent) => Promise<void>;

/** The subjects of EVENTS and REPLAY end in the token of the event's name. */
export function eventNameOf(subject: string): string {
  return nameOfToken(subject.slice(subject.lastIndexOf('.') + 1));
}

/** Subjects of EVENTS have the source before it. */
export function sourceOf(subject: string): string {
  const end = subject.lastIndexOf('.');
  return subject.slice(subject.lastIndexOf('.', end - 1) + 1, end);
}
