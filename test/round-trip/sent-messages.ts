import type { Json } from './differences.ts';

/** A message of a vendor's SDK, or of our destination, however many a request has. */
export interface SentMessage {
  /** The endpoint, without a prefix or a slash at its end. */
  readonly path: string;
  readonly body: Record<string, Json>;
}

interface SentRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Buffer;
}

/** The calls of a batch, each with the members of its request that count for it. */
export function segmentMessages({ body }: SentRequest): SentMessage[] {
  const { batch, sentAt } = JSON.parse(body.toString()) as {
    batch: Record<string, Json>[];
    sentAt?: string;
  };
  const request = sentAt === undefined ? {} : { sentAt };
  return batch.map((call) => ({ path: '/batch', body: { ...request, ...call } }));
}

/** The events of a batch. */
export function posthogMessages({ body }: SentRequest): SentMessage[] {
  const request = JSON.parse(body.toString()) as Record<string, Json>;
  const { batch, api_key: _key, ...others } = request;
  const events = batch as Record<string, Json>[];
  return events.map((event) => ({ path: '/batch', body: { ...others, ...event } }));
}

/** An event or update, or all of a batch. The SDK sends base64 in a query or a form. */
export function mixpanelMessages({ url, body }: SentRequest): SentMessage[] {
  const { pathname, searchParams } = new URL(url, 'http://host');
  const inForm = searchParams.get('data') ?? new URLSearchParams(body.toString()).get('data');
  const text = inForm === null ? body.toString() : Buffer.from(inForm, 'base64').toString();
  const sent = JSON.parse(text) as Record<string, Json> | Record<string, Json>[];
  return [sent].flat().map((message) => ({ path: pathname, body: message }));
}
