import { StartError } from '../../errors.ts';
import { batchedType, structuredType } from '../cloudevents/cloudevent.ts';
import { readFormat } from '../cloudevents/format.ts';
import type { DestinationSettings } from '../destination.ts';
import { readHttpUrl } from '../http-client/endpoint.ts';
import { parseUrlTemplate, type UrlTemplate } from './url-template.ts';

export type BodyFormat = 'json' | 'ndjson' | 'text';

/** The settings of the type, validated. */
export interface HttpApiSettings {
  readonly url: UrlTemplate;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly oauth: OAuthSettings | undefined;
  readonly body: string | undefined;
  readonly format: BodyFormat;
  readonly inCloudEvents: boolean;
  readonly batchEvents: number;
  readonly isSuccess: (status: number) => boolean;
  readonly isRetry: (status: number) => boolean;
  readonly isDead: (status: number) => boolean;
  readonly retryDelay: RetryDelay;
  readonly idempotencyHeader: string | undefined;
  /** What must not be shown. */
  readonly secrets: readonly string[];
}

export interface OAuthSettings {
  readonly tokenUrl: URL;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scope: string | undefined;
}

/** Where an answer says how long to wait. */
export interface RetryDelay {
  readonly header: string;
  /** A JSON Pointer. */
  readonly field: string | undefined;
  readonly unitMs: number;
}

const methods = ['POST', 'PUT', 'PATCH', 'DELETE'];
const formats: Readonly<Record<BodyFormat, string>> = {
  json: 'application/json',
  ndjson: 'application/x-ndjson',
  text: 'text/plain; charset=utf-8',
};
const headerName = /^[!#$%&'*+.^_`|~\w-]+$/;
const headerValue = /^[\x20-\x7e\t]*$/;
/** These frame the request: only the client sets them. */
const ownHeaders = new Set([
  'content-length',
  'transfer-encoding',
  'connection',
  'host',
  'upgrade',
]);

/** Throws a StartError that names the setting. */
export function readHttpApiSettings(name: string, settings: DestinationSettings): HttpApiSettings {
  const fail = (setting: string, text: string): never => {
    throw new StartError(`destinations.${name}.${setting}: ${text}`);
  };
  const text = (setting: string): string | undefined => {
    const value = settings[setting];
    return value === null || value === undefined ? undefined : String(value);
  };
  const method = (text('method') ?? 'POST').toUpperCase();
  if (!methods.includes(method)) fail('method', `use one of ${methods.join(', ')}`);
  const format = (text('body_format') ?? 'json') as BodyFormat;
  if (!Object.hasOwn(formats, format)) fail('body_format', 'use json, ndjson or text');
  const batchEvents = Number(settings['batch_events'] ?? 1);
  const url = parseUrlTemplate(text('url') ?? '', (fault) => fail('url', fault));
  if (url.hasValues && batchEvents > 1) {
    fail('url', 'with batch_events above 1 a request has no single event: take the {...} out');
  }
  const idempotencyHeader = text('idempotency_header')?.toLowerCase();
  if (idempotencyHeader !== undefined && batchEvents > 1) {
    fail('idempotency_header', 'an id holds for one event: set batch_events: 1, or take it out');
  }
  const unit = text('retry_delay_unit') ?? 's';
  if (unit !== 's' && unit !== 'ms') fail('retry_delay_unit', 'use s or ms');
  const statuses = (setting: string) =>
    parseStatuses(text(setting) ?? '', (fault) => fail(setting, fault));
  const inCloudEvents = readFormat(name, settings, ['headgate', 'cloudevents']) === 'cloudevents';
  if (inCloudEvents && text('body') !== undefined) {
    fail('format', 'a body is set, which says what is sent: take one of them out');
  }
  if (inCloudEvents && format === 'text') fail('format', 'set body_format to json or ndjson');
  const typeOfFormat =
    inCloudEvents && format === 'json'
      ? batchEvents > 1
        ? batchedType
        : structuredType
      : formats[format];
  const oauth = readOAuth(name, settings, text, fail);
  const headers = {
    'user-agent': 'Headgate/1',
    'content-type': text('content_type') ?? typeOfFormat,
    ...authorization(text, oauth !== undefined, fail),
    ...parseHeaders(text('headers') ?? '', (fault) => fail('headers', fault)),
  };
  for (const [header, value] of Object.entries(headers)) {
    if (!headerValue.test(value)) fail('headers', `the value of ${header} is not printable ASCII`);
  }
  return {
    url,
    method,
    headers,
    oauth,
    body: text('body'),
    format,
    inCloudEvents,
    batchEvents,
    isSuccess: statuses('success_statuses'),
    isRetry: statuses('retry_statuses'),
    isDead: statuses('dead_statuses'),
    retryDelay: {
      header: (text('retry_delay_header') ?? 'retry-after').toLowerCase(),
      field: text('retry_delay_field'),
      unitMs: unit === 's' ? 1_000 : 1,
    },
    idempotencyHeader,
    secrets: secretsOf(headers, text),
  };
}

type ReadText = (setting: string) => string | undefined;
type Fail = (setting: string, text: string) => never;

function readOAuth(
  name: string,
  settings: DestinationSettings,
  text: ReadText,
  fail: Fail,
): OAuthSettings | undefined {
  if (text('oauth_token_url') === undefined) {
    for (const setting of ['oauth_client_id', 'oauth_client_secret', 'oauth_scope']) {
      if (text(setting) !== undefined) fail(setting, 'needs oauth_token_url');
    }
    return undefined;
  }
  return {
    tokenUrl: readHttpUrl(name, 'oauth_token_url', settings),
    clientId:
      text('oauth_client_id') ?? fail('oauth_client_id', 'is required with oauth_token_url'),
    clientSecret:
      text('oauth_client_secret') ??
      fail('oauth_client_secret', 'is required with oauth_token_url'),
    scope: text('oauth_scope'),
  };
}

function authorization(text: ReadText, hasOAuth: boolean, fail: Fail): Record<string, string> {
  const [bearer, basic] = [text('bearer_token'), text('basic_auth')];
  if ([bearer, basic, hasOAuth || undefined].filter((one) => one !== undefined).length > 1) {
    fail('bearer_token', 'set one of bearer_token, basic_auth and oauth_token_url');
  }
  if (bearer !== undefined) return { authorization: `Bearer ${bearer}` };
  if (basic === undefined) return {};
  if (!basic.includes(':')) fail('basic_auth', 'write user:password');
  return { authorization: `Basic ${Buffer.from(basic).toString('base64')}` };
}

function parseHeaders(text: string, fail: (fault: string) => never): Record<string, string> {
  const headers: Record<string, string> = {};
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  for (const [index, line] of lines.entries()) {
    const at = line.indexOf(':');
    const name = line.slice(0, Math.max(0, at)).trim().toLowerCase();
    // The line may hold a secret: its number is shown.
    if (at < 1 || !headerName.test(name)) fail(`line ${index + 1} is not "Name: value"`);
    if (ownHeaders.has(name)) fail(`line ${index + 1} sets ${name}, which the client sets`);
    headers[name] = line.slice(at + 1).trim();
  }
  return headers;
}

/** `200-299,404`. */
function parseStatuses(text: string, fail: (fault: string) => never): (status: number) => boolean {
  const ranges = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part) => {
      const [, from, to = from] = /^(\d{3})(?:-(\d{3}))?$/.exec(part) ?? [];
      if (from === undefined || Number(from) > Number(to)) {
        return fail(`${part} is not a status or a range: write 200-299,404`);
      }
      return [Number(from), Number(to)] as const;
    });
  return (status) => ranges.some(([from, to]) => status >= from && status <= to);
}

/** The values of headers may be keys: what is short or usual is not, and stays readable. */
function secretsOf(headers: Readonly<Record<string, string>>, text: ReadText): string[] {
  const values = Object.entries(headers)
    .filter(([name]) => !['content-type', 'user-agent', 'accept'].includes(name))
    .flatMap(([, value]) => [value, value.replace(/^\w+ /, '')]);
  const basic = text('basic_auth')?.split(':').slice(1).join(':');
  return [...values, basic ?? '', text('oauth_client_secret') ?? ''].filter(
    (value) => value.length >= 4,
  );
}
