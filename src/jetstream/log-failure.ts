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

/** The log stopped answering during a read. */
export class ReadTimeoutError extends Error {
  override readonly name = 'ReadTimeoutError';
}

/** Without the errors for invalid arguments and operations, because those are bugs of Headgate. */
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
 * The reason why a request to the log failed, as text for operators. Undefined if the error has
 * another cause, such as a bug of Headgate.
 */
export function logFailureOf(error: unknown): string | undefined {
  if (error instanceof PublishError) return error.publicText;
  if (error instanceof ReadTimeoutError) return error.message;
  if (!(error instanceof Error)) return undefined;
  // The client does not export the class of "JetStream is not enabled". Its cause is a
  // RequestError.
  const isNats = (one: unknown): boolean => natsFailures.some((failure) => one instanceof failure);
  return isNats(error) || isNats(error.cause) ? error.message : undefined;
}
