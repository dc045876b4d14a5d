import { JetStreamApiError, JetStreamError } from '@nats-io/jetstream';
import {
  AuthorizationError,
  ClosedConnectionError,
  ConnectionError,
  DrainingConnectionError,
  NoRespondersError,
  PermissionViolationError,
  ProtocolError,
  RequestError,
  TimeoutError,
  UserAuthenticationExpiredError,
} from '@nats-io/nats-core';

import { PublishError } from './publish/publish-error.ts';

/** The log was silent in the middle of a read. */
export class ReadTimeoutError extends Error {
  override readonly name = 'ReadTimeoutError';
}

/** Not among them: invalid arguments and operations, which are faults of ours. */
const natsFailures = [
  AuthorizationError,
  ClosedConnectionError,
  ConnectionError,
  DrainingConnectionError,
  JetStreamApiError,
  JetStreamError,
  NoRespondersError,
  PermissionViolationError,
  ProtocolError,
  RequestError,
  TimeoutError,
  UserAuthenticationExpiredError,
];

/**
 * Why the log did not do what it was asked to, in words for an operator. Undefined: the error has
 * another cause than the log, such as a fault of ours.
 */
export function logFailureOf(error: unknown): string | undefined {
  if (error instanceof PublishError) return error.publicText;
  if (error instanceof ReadTimeoutError) return error.message;
  if (!(error instanceof Error)) return undefined;
  // The client exports no class for "JetStream is not enabled"; its cause is a RequestError.
  const isNats = (one: unknown): boolean => natsFailures.some((failure) => one instanceof failure);
  return isNats(error) || isNats(error.cause) ? error.message : undefined;
}
