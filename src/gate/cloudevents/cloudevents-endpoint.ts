import { ServiceError } from '../../errors.ts';
import { headerOf, mediaTypeOf, reply, type Exchange } from '../exchange.ts';
import { vendorOutcome } from '../answer/vendor-answer.ts';
import type { IncomingBatch } from '../decode/incoming-batch.ts';
import { unpackBody } from '../intake/unpack-body.ts';
import { answerEvent } from '../answer/event-answer.ts';
import { refuseWithProblem } from '../answer/problem.ts';
import type { Endpoint, EndpointCall, SelectedEndpoint } from '../serve-request.ts';
import { restBatch } from '../answer/verdict-json.ts';
import {
  batchedType,
  decodeCloudEvent,
  decodeCloudEvents,
  isJsonType,
  structuredOf,
  structuredType,
} from './decode-cloudevent.ts';

/*
 * CloudEvents 1.0 over HTTP: binary (attributes in `ce-` headers), structured and batched.
 * https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
 */

const json = 'application/json';

function isBinary(exchange: Exchange): boolean {
  return headerOf(exchange, 'ce-specversion') !== '' || headerOf(exchange, 'ce-id') !== '';
}

function checkMode(exchange: Exchange): undefined {
  const type = mediaTypeOf(exchange);
  if (type === structuredType || type === batchedType) return undefined;
  if (isBinary(exchange) && (type === '' || isJsonType(type))) return undefined;
  throw new ServiceError(
    'unsupported_media_type',
    `The content type "${type.slice(0, 60)}" is not taken here. Use ${structuredType}, ${batchedType}, ` +
      `or ce- headers with ${json}.`,
  );
}

function unpackEvent(exchange: Exchange, body: Buffer, bytesMax: number): Buffer | Promise<Buffer> {
  const message = unpackBody(exchange, body, bytesMax);
  if (mediaTypeOf(exchange) === structuredType) return message;
  const structured = (data: Buffer): Buffer => structuredOf(exchange.call.headers, data);
  return message instanceof Promise ? message.then(structured) : structured(message);
}

const singleEndpoint: Endpoint = {
  begin: checkMode,
  unpack: unpackEvent,
  decode: (_call, message) => {
    const { event, traceparent } = decodeCloudEvent(message);
    return { events: [event], ...nothingBesides, inBody: { writeKey: '', traceparent } };
  },
  answer: answerEvent,
  refuse: refuseWithProblem,
};

const nothingBesides = { context: undefined, sentAt: '', validateOnly: false } as const;

const batchEndpoint: Endpoint = {
  begin: checkMode,
  unpack: unpackBody,
  decode: (_call, message, batchEventsMax): IncomingBatch => ({
    events: decodeCloudEvents(message, batchEventsMax),
    ...nothingBesides,
  }),
  answer: (exchange, _call, verdicts) => {
    const { status, counts } = vendorOutcome(verdicts);
    const stored = counts.accepted + counts.duplicates;
    const validated = counts.rejected === 0 ? 202 : stored > 0 ? 207 : 422;
    const headers: Record<string, string> = { 'content-type': json };
    if (status === 503) headers['retry-after'] = '1';
    reply(exchange, status === 503 ? 503 : validated, headers, restBatch(verdicts, counts));
    return 0;
  },
  refuse: refuseWithProblem,
};

const single: EndpointCall = {
  rpc: 'Track',
  door: 'cloudevents',
  codec: 'json',
  contentType: json,
};
const batch: EndpointCall = { ...single, rpc: 'BatchTrack', sendsAll: true };

export const cloudEventsPath = '/v1/cloudevents';

/** By the content type: one event, or several. */
export function selectCloudEvents(exchange: Exchange): SelectedEndpoint {
  return mediaTypeOf(exchange) === batchedType
    ? { endpoint: batchEndpoint, call: batch }
    : { endpoint: singleEndpoint, call: single };
}
