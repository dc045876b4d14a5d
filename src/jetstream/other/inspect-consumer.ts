import {
  AckPolicy,
  type ConsumerConfig,
  type ConsumerInfo,
  type JetStreamManager,
} from '@nats-io/jetstream';
import { errors } from '@nats-io/nats-core';

import { consumerNotFound } from '../consume/consumer-position.ts';
import { expiresMs } from '../consume/pulling/pull-requests.ts';
import { infoOf } from '../events/stream-parts.ts';
import { isEventStream, isSubjectOfLog } from '../topology.ts';

/** The durable consumer of an operator's stream. */
export interface OtherConsumer {
  readonly stream: string;
  readonly consumer: string;
}

/** Why no messages can be taken, in words for operators. It may be over later. */
export class OtherStreamFault extends Error {
  override readonly name = 'OtherStreamFault';
}

/** What a gate needs to know of a consumer. */
export interface ConsumerState {
  /** Messages that are not acknowledged yet, delivered or not. */
  readonly pending: number;
  /** How long a message may be held, in ms, before the server delivers it again. */
  readonly ackWaitMs: number;
}

/** Reads the consumer and checks that it loses nothing. Throws an OtherStreamFault. */
export async function inspectConsumer(
  manager: JetStreamManager,
  { stream, consumer }: OtherConsumer,
): Promise<ConsumerState> {
  const found = await asked(() => infoOf(manager, stream));
  if (found === undefined) {
    throw new OtherStreamFault(
      `there is no stream ${stream}: create it, or correct the setting stream`,
    );
  }
  const { subjects = [], mirror, sources = [] } = found.config;
  const copied = [mirror, ...sources].map((each) => each?.name ?? '');
  if (subjects.some(isSubjectOfLog) || copied.some(isEventStream)) {
    throw new OtherStreamFault(
      `${stream} holds events of a Headgate: they would come in again. Name a stream of yours`,
    );
  }
  const info = await asked(() => manager.consumers.info(stream, consumer), consumerNotFound);
  if (info === undefined) {
    throw new OtherStreamFault(
      `the stream ${stream} has no consumer ${consumer}: create it with ` +
        `nats consumer add ${stream} ${consumer} --pull --ack=explicit --deliver=all --max-deliver=-1 --defaults`,
    );
  }
  const fault = faultOf(info.config);
  if (fault !== undefined) throw new OtherStreamFault(`the consumer ${consumer} ${fault}`);
  return stateOf(info);
}

/** What would lose messages, or never deliver them to a gate. */
function faultOf(config: ConsumerConfig): string | undefined {
  if (config.deliver_subject !== undefined) return 'pushes: create it with --pull';
  if (config.ack_policy !== AckPolicy.Explicit) {
    return `has the ack policy ${config.ack_policy}: create it with --ack=explicit`;
  }
  const { max_deliver: deliveries = -1, max_expires: expires = 0, max_batch: batch = 0 } = config;
  if (deliveries > 0) {
    return `gives a message up after ${deliveries} deliveries: edit it with --max-deliver=-1`;
  }
  if (config.headers_only === true) return 'delivers headers only: edit it without headers_only';
  if (expires > 0 && expires < expiresMs * 1_000_000) {
    return `has max_expires below ${expiresMs / 1_000} s: edit it without that limit`;
  }
  if (batch > 0 && batch < messagesMax) {
    return `has max_batch below ${messagesMax}: edit it without that limit`;
  }
  return undefined;
}

/** How many messages of a source one process holds at once. */
export const messagesMax = 512;

function stateOf({ config, num_pending: waiting, num_ack_pending: inWork }: ConsumerInfo) {
  const { ack_wait: ackWait = 30_000_000_000, backoff = [] } = config;
  const shortest = Math.min(ackWait, ...backoff);
  return { pending: waiting + inWork, ackWaitMs: shortest / 1_000_000 };
}

/** Undefined: the server answers with the error code `missing`. */
async function asked<Value>(
  request: () => Promise<Value>,
  missing?: number,
): Promise<Value | undefined> {
  try {
    return await request();
  } catch (error) {
    if (missing !== undefined && (error as { code?: unknown }).code === missing) return undefined;
    const cause = error instanceof errors.RequestError ? error.cause : error;
    if (error instanceof errors.RequestError && error.isNoResponders()) {
      throw new OtherStreamFault('its NATS has no JetStream, or not for this account', {
        cause: error,
      });
    }
    throw new OtherStreamFault(`its NATS does not answer: ${describe(cause)}`, { cause: error });
  }
}

/** The message of an error of the client, with its cause. */
export function describe(error: unknown): string {
  const { message = String(error), cause } = error as { message?: string; cause?: unknown };
  const text = cause instanceof Error ? `${message} (${cause.message})` : message;
  return text.slice(0, textCharactersMax);
}

const textCharactersMax = 300;
