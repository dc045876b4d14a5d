import { JetStreamApiError } from '@nats-io/jetstream';
import type { Msg } from '@nats-io/nats-core';

import { streamNotFound } from '../../events/layout.ts';
import { consumerNotFound } from '../consumer-position.ts';

/** What the server says about a request of a pull. All but `heartbeat` end the request. */
export type PullStatus =
  /** `too small`: the next message is larger than what is left of the request. */
  | { readonly kind: 'heartbeat' | 'ended' | 'too small' | 'moved' }
  /** The text is empty if only the state of the consumer shows the reason. */
  | { readonly kind: 'trouble'; readonly text: string };

/** Reads a message of the request's own subject: a status in its headers, without a payload. */
export function readStatus({ headers }: Pick<Msg, 'headers'>): PullStatus {
  const code = headers?.code ?? 0;
  const text = headers?.description.toLowerCase() ?? '';
  switch (code) {
    case 100:
      return { kind: 'heartbeat' };
    case 404:
    case 408:
      return { kind: 'ended' };
    case 409:
      return readConflict(text);
    case 503:
      return { kind: 'trouble', text: '' };
    default:
      return { kind: 'trouble', text: `${code} ${text}` };
  }
}

function readConflict(text: string): PullStatus {
  if (text.startsWith('message size exceeds')) return { kind: 'too small' };
  if (text === 'consumer deleted' || text === 'stream deleted') {
    return { kind: 'trouble', text: 'consumer_deleted' };
  }
  if (text.startsWith('exceeded')) return { kind: 'trouble', text: 'exceeded_limits' };
  return { kind: 'moved' };
}

/** The reason why a consumer is silent, from the failure of a request for its state. */
export function troubleOfSilence(error: unknown): string | undefined {
  const { code } = error as { code?: unknown };
  if (code === consumerNotFound) return 'consumer_not_found';
  return code === streamNotFound ? 'stream_not_found' : undefined;
}

/** "JetStream system temporarily unavailable", and the like. */
const unavailableStatus = 500;

/** Whether the cluster has answered a request, though not as it was wanted to. */
export function isAnswer(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.status < unavailableStatus;
}
