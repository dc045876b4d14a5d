import { StartError } from '../../errors.ts';
import { parseWithNumberTexts } from '../../event/changed-properties.ts';
import type { JsonObject } from '../../event/json/json.ts';
import { readableForm } from '../../transform/event-form.ts';
import { openTransformer, type Transformer } from '../../transform/transformer.ts';
import { readCloudEvent, structuredCloudEvent } from '../cloudevents/cloudevent.ts';
import type { Delivery, Outcome } from '../destination.ts';
import { readEvent } from '../readable-event.ts';
import type { HttpApiSettings } from './read-settings.ts';

/** What makes requests of events. */
export interface RequestMaker {
  readonly own: HttpApiSettings;
  /** Undefined if the body is the event itself. */
  readonly renderer: Transformer | undefined;
}

/** An event of a request. */
export interface ApiMessage {
  readonly eventId: string;
  readonly payload: Uint8Array;
  /** JSON text, if the body is made of CloudEvents. */
  readonly cloudEvent: Buffer | undefined;
  readonly bytes: number;
}

/** Opens the expression of `body`. Rejects with a StartError that names the setting. */
export async function openRenderer(
  name: string,
  body: string | undefined,
): Promise<Transformer | undefined> {
  if (body === undefined) return undefined;
  try {
    return await openTransformer({ kind: 'jsonata', text: body, gives: 'value' });
  } catch (cause) {
    if (!(cause instanceof StartError)) throw cause;
    const text = cause.message.replace(/^the transform /, 'the expression ');
    throw new StartError(`destinations.${name}.body: ${text}`, { cause });
  }
}

/** The message of an event, or the reason why it cannot be sent. */
export function readMessage(
  { inCloudEvents }: HttpApiSettings,
  delivery: Delivery,
): ApiMessage | string {
  const event = readEvent(delivery);
  if (typeof event === 'string') return event;
  const { payload } = delivery;
  const parts = inCloudEvents ? readCloudEvent(delivery) : undefined;
  if (typeof parts === 'string') return parts;
  const cloudEvent = parts && structuredCloudEvent(parts);
  const bytes = (cloudEvent ?? payload).length + 1;
  return { eventId: event.eventId, payload, cloudEvent, bytes };
}

export interface ApiRequest {
  readonly path: string;
  readonly body: Buffer;
}

const decoder = new TextDecoder();

/** The request of one event, or of a list, or the outcome for events of which none can be made. */
export async function makeRequest(
  { own, renderer }: RequestMaker,
  messages: readonly ApiMessage[],
): Promise<ApiRequest | { readonly outcome: Extract<Outcome, { kind: 'dead' }> }> {
  const dead = (reason: string) => ({ outcome: { kind: 'dead', reason } as const });
  const texts = messages.map(({ payload }) => decoder.decode(payload));
  const events = texts.map((text) => readableForm(parseWithNumberTexts(text) as JsonObject));
  const filled = own.url.fill(events[0]!);
  if ('missing' in filled) return dead(`the url needs ${filled.missing}, which the event has not`);
  const { path } = filled;
  const inList = own.batchEvents > 1;
  if (own.inCloudEvents) return { path, body: cloudEventsBody(messages, own) };
  if (renderer === undefined)
    return { path, body: bodyOf(inList ? events : events[0], own.format) };
  const input = inList ? `[${texts.join(',')}]` : texts[0]!;
  const [result] = await renderer.run([Buffer.from(input)]);
  if (result!.kind === 'failed') return dead(`body: ${result!.reason}`);
  const value = JSON.parse(decoder.decode((result as { payload: Uint8Array }).payload)) as unknown;
  if (own.format === 'text' && typeof value !== 'string') return dead('body: gave no text');
  return { path, body: bodyOf(value, own.format) };
}

function cloudEventsBody(
  messages: readonly ApiMessage[],
  { format, batchEvents }: HttpApiSettings,
): Buffer {
  const texts = messages.map(({ cloudEvent }) => cloudEvent!.toString());
  if (format === 'ndjson') return Buffer.from(texts.map((text) => `${text}\n`).join(''));
  return Buffer.from(batchEvents > 1 ? `[${texts.join(',')}]` : texts[0]!);
}

/** Numbers of an event that is sent as it is keep their digits. */
function bodyOf(value: unknown, format: HttpApiSettings['format']): Buffer {
  if (format === 'text' && typeof value === 'string') return Buffer.from(value);
  if (format !== 'ndjson') return Buffer.from(JSON.stringify(value));
  const items = Array.isArray(value) ? (value as unknown[]) : [value];
  return Buffer.from(items.map((item) => `${JSON.stringify(item)}\n`).join(''));
}
