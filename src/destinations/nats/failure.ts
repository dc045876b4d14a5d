import { JetStreamApiError } from '@nats-io/jetstream';
import { errors } from '@nats-io/nats-core';

import type { Outcome } from '../destination.ts';
import type { NatsSettings } from './settings.ts';

/** Codes of JetStream: https://github.com/nats-io/nats-server/blob/main/server/errors.json */
const messageTooLarge = 10_054;
const otherStream = 10_060;

const reasonCharactersMax = 300;

/** What became of one message. */
export interface Published {
  readonly outcome: Outcome;
  /** The stream may have stored it, or may do so yet. */
  readonly isUnknown: boolean;
}

/** What it means that a message was not confirmed. */
export function readFailure(
  error: unknown,
  subject: string,
  settings: Pick<NatsSettings, 'stream' | 'timeoutMs'>,
): Published {
  const refused = refusalOf(error, subject, settings);
  if (refused !== undefined) return { outcome: refused, isUnknown: false };
  const reason =
    error instanceof errors.TimeoutError
      ? `no answer within ${settings.timeoutMs} ms`
      : `NATS did not take it: ${describe(error)}`;
  return { outcome: faultOf(reason), isUnknown: true };
}

/** Undefined if the message may have arrived. */
function refusalOf(
  error: unknown,
  subject: string,
  { stream }: Pick<NatsSettings, 'stream'>,
): Outcome | undefined {
  if (isUnanswered(error)) {
    return faultOf(
      `no stream takes the subject ${subject}: create one (nats stream add), add the subject to ` +
        'the subjects of yours, or correct the setting subject; or the stream has no leader now',
    );
  }
  if (error instanceof JetStreamApiError) {
    if (error.code === messageTooLarge) return tooLarge('the stream (its max_msg_size)');
    if (error.code === otherStream) {
      return faultOf(
        `the subject ${subject} belongs to another stream than ${stream ?? ''}: ` +
          'correct the setting stream, or the subjects of the streams',
      );
    }
    return faultOf(`the stream does not take it: ${shortened(error.message)} (${error.code})`);
  }
  // The client knows the limit of the server, and sends nothing larger.
  if (error instanceof errors.InvalidArgumentError && error.message.includes('max_payload')) {
    return tooLarge('the server (its max_payload)');
  }
  const cause = error instanceof errors.RequestError ? error.cause : error;
  if (cause instanceof errors.PermissionViolationError) {
    return faultOf(`the user may not publish to ${subject}: allow it on the server`);
  }
  return error instanceof SyntaxError ? otherAnswer(subject) : undefined;
}

/** Nothing listens to the subject. The client wraps this in an error that it does not export. */
function isUnanswered(error: unknown): boolean {
  const cause = error instanceof Error ? (error.cause ?? error) : undefined;
  return cause instanceof errors.RequestError && cause.isNoResponders();
}

/** Anything that listens to the subject can answer: only a stream says where it stored a message. */
export function otherAnswer(subject: string): Outcome {
  return faultOf(`something other than a stream answered on ${subject}: create a stream for it`);
}

function tooLarge(by: string): Outcome {
  return {
    kind: 'dead',
    reason: `the message is larger than ${by} allows`,
    status: 'MESSAGE_TOO_LARGE',
  };
}

export function faultOf(reason: string): Outcome {
  return { kind: 'retry', fault: 'destination', reason };
}

/** Why no connection was made. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return shortened(String(error));
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : '';
  return shortened(`${error.message}${cause}`);
}

function shortened(text: string): string {
  return text.length > reasonCharactersMax ? `${text.slice(0, reasonCharactersMax)}...` : text;
}
