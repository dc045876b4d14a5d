export {
  createHeadgateClient,
  type ClientCounters,
  type FlushOptions,
  type FlushResult,
  type HeadgateClient,
  type TrackReceipt,
} from './client.ts';
export type { AnyEvents, EventEnvelope, JsonObject, JsonValue, TrackedEvent } from './event.ts';
export { HeadgateError, type HeadgateErrorCode } from './headgate-error.ts';
export type { ClientHooks, DroppedEvents, RejectedEvent } from './hooks.ts';
export { createIdempotencyKey } from './idempotency-key.ts';
export type { ClientOptions, DiskSpool, MemorySpool } from './options.ts';
export type { RequestReport } from './send/sender-signals.ts';
export type { DropReason, Fsync, WhenFull } from './spool/spool.ts';
export type { Protocol, Violation } from './transport/transport.ts';
