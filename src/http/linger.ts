/**
 * How long the rest of a request is read and discarded after its answer. A caller that writes its
 * whole request before it reads would otherwise meet a closed connection, and take a 401 or 413 for
 * an outage: unread bytes make the operating system reset the connection, and a reset discards the
 * answer.
 */
export interface LingerLimits {
  /** From the answer on. As nginx's `lingering_time`: enough for 8 MiB at 280 KiB a second. */
  readonly lingerMs: number;
  /** With less than `idleBytesMin` of the body: a caller that waits for us sends nothing more. */
  readonly idleMs: number;
  /** Of the body, after the answer: 50 ms of CPU, and sixteen times the default limit of a request. */
  readonly bytesMax: number;
}

/** A caller that trickles holds the connection no longer than one that is silent. */
export const idleBytesMin = 1024;

export const defaultLinger: LingerLimits = {
  lingerMs: 30_000,
  idleMs: 2_000,
  bytesMax: 64 * 1024 * 1024,
};
