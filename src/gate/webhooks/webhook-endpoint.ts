import type { WebhookSource } from '../../config/webhook-source.ts';
import type { SourceLimits } from '../../config/write-key.ts';
import { ServiceError, type ErrorCode } from '../../errors.ts';
import type { Verdict } from '../../event/verdict.ts';
import type { WebhookOutcome } from '../../observability/metrics.ts';
import { checkContentType, reply, type Exchange } from '../exchange.ts';
import type { GateContext } from '../gate-context.ts';
import { createMapWebhook } from './map-webhook.ts';
import { answerEvent } from '../answer/event-answer.ts';
import { problem } from '../answer/problem.ts';
import { restResult } from '../answer/verdict-json.ts';
import type { Endpoint, EndpointCall } from '../serve-request.ts';
import { createWebhookVerifier } from './verify-webhook.ts';

const json = 'application/json';

export const webhookCall: EndpointCall = {
  rpc: 'Track',
  door: 'webhook',
  codec: 'json',
  contentType: json,
};

export const webhookPath = '/v1/webhooks/';

/** One source of webhooks, as its requests are served. */
export interface WebhookEntry {
  /** The signature is the credential: it needs no write key. */
  readonly context: GateContext;
  /** For one request: the signature and the mapping both need its headers. */
  endpointFor(exchange: Exchange): Endpoint;
}

/** What the sources of webhooks need of the gate. */
export interface WebhookParts {
  /** Throws while the gate shuts down. */
  readonly checkOpen: () => void;
  /** The limits of a source, which it shares with write keys. */
  readonly limitsOf: (source: string) => SourceLimits | undefined;
}

/** By the name of the source. */
export function createWebhookEntries(
  sources: readonly WebhookSource[],
  context: GateContext,
  parts: WebhookParts,
): ReadonlyMap<string, WebhookEntry> {
  return new Map(sources.map((source) => [source.source, createEntry(source, context, parts)]));
}

/** `POST /v1/webhooks/<source>`: verified, mapped, and from there on an event like any other. */
function createEntry(
  source: WebhookSource,
  context: GateContext,
  { checkOpen, limitsOf }: WebhookParts,
): WebhookEntry {
  const producer = {
    source: source.source,
    maySend: () => true,
    isCanary: false,
    // They change while gates run.
    get limits() {
      return limitsOf(source.source);
    },
  };
  const verifier = createWebhookVerifier(source);
  const map = createMapWebhook(source);
  const count = (outcome: WebhookOutcome): void =>
    context.signals.webhookReceived(source.source, outcome);
  return {
    context: {
      ...context,
      authenticate: () => {
        checkOpen();
        return producer;
      },
    },
    endpointFor: ({ call: { headers } }) => ({
      isSigned: true,
      begin: (exchange) => {
        checkContentType(exchange, [json]);
        const encoding = headers['content-encoding'] ?? 'identity';
        if (encoding !== 'identity') {
          throw new ServiceError(
            'unsupported_encoding',
            'A webhook is signed as it is sent. Send it without content-encoding.',
          );
        }
        // Without a signature there is nothing to verify, and so nothing to read.
        verifier.check(headers);
        return undefined;
      },
      unpack: (_exchange, body) => {
        // Before the body is parsed.
        verifier.verify({ headers, body }, Date.now());
        return body;
      },
      decode: (_call, body) => {
        const event = map({ headers, body });
        count('mapped');
        return { events: [event], context: undefined, sentAt: '', validateOnly: false };
      },
      answer: answerWebhook,
      refuse: (exchange, _call, failure) => {
        const outcome = outcomes[failure.code];
        if (outcome !== undefined) count(outcome);
        if (failure.code !== 'unmapped_webhook') return problem(exchange, failure, undefined);
        const { code, message, http, grpc } = failure;
        const body = { status: 'unmapped', code, message, correlation_id: exchange.correlationId };
        reply(exchange, http, { 'content-type': json }, JSON.stringify(body));
        return grpc;
      },
    }),
  };
}

/**
 * A rejected event is kept, and to send it again would not change that: the sender gets 2xx with the
 * verdict, as the clients of the other vendors do. Senders switch off webhooks that fail too often.
 */
function answerWebhook(exchange: Exchange, call: unknown, verdicts: readonly Verdict[]): number {
  const verdict = verdicts[0]!;
  if (verdict.status !== 'rejected') return answerEvent(exchange, call, verdicts);
  reply(exchange, 202, { 'content-type': json }, restResult(verdict));
  return 0;
}

/** Of requests that are refused before they become an event. */
const outcomes: Partial<Record<ErrorCode, WebhookOutcome>> = {
  unmapped_webhook: 'unmapped',
  invalid_signature: 'invalid_signature',
  stale_webhook: 'stale',
  malformed_request: 'malformed',
  request_too_large: 'malformed',
  unsupported_encoding: 'malformed',
  unsupported_media_type: 'malformed',
};
