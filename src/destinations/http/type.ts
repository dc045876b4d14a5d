import { formatSetting } from '../cloudevents/format.ts';
import type { DestinationType } from '../destination.ts';
import { httpSettings } from '../http-client/settings.ts';

/** Requests to any HTTP API: http-api.ts. */
export const httpApiType: DestinationType = {
  type: 'http',
  secondCopies:
    'Your API gets the same event_id again (in idempotency_header, where it is set), and must drop what it has.',
  settings: {
    url: {
      type: 'string',
      text: 'Where requests go: http or https, without a user or password. `{/user_id}` in its path or query is the value at this JSON Pointer of the event.',
    },
    method: { type: 'string', default: 'POST', text: 'POST, PUT, PATCH or DELETE.' },
    headers: {
      type: 'secret',
      default: null,
      text: 'Headers of every request, one a line: `X-Api-Key: abc`.',
    },
    bearer_token: {
      type: 'secret',
      default: null,
      text: 'Sent as `Authorization: Bearer`.',
    },
    basic_auth: {
      type: 'secret',
      default: null,
      text: 'A user and a password, `user:password`, sent as `Authorization: Basic`.',
    },
    oauth_token_url: {
      type: 'url',
      default: null,
      text: 'Where tokens come from, by the client credentials grant of OAuth 2.0.',
    },
    oauth_client_id: { type: 'string', default: null, text: 'The client of that grant.' },
    oauth_client_secret: { type: 'secret', default: null, text: 'The secret of that client.' },
    oauth_scope: { type: 'string', default: null, text: 'The scope to ask for.' },
    body: {
      type: 'string',
      default: null,
      text: 'A JSONata expression that makes the body from the event, or from the list of events. If unset, the event itself.',
    },
    format: {
      ...formatSetting,
      text: 'What the body is if `body` is unset. `headgate`: the event; `cloudevents`: a CloudEvent 1.0 in JSON.',
    },
    body_format: {
      type: 'string',
      default: 'json',
      text: '`json`; `ndjson`, a line for each item of a list; or `text`, which must be a text.',
    },
    content_type: {
      type: 'string',
      default: null,
      text: 'The Content-Type. If unset, that of the format.',
    },
    batch_events: {
      type: 'integer',
      default: 1,
      min: 1,
      max: 1000,
      text: 'Events in a request, at most. Above 1, a body is made from a list, even of one.',
    },
    success_statuses: {
      type: 'string',
      default: '200-299',
      text: 'Statuses with which the event is delivered.',
    },
    retry_statuses: {
      type: 'string',
      default: '401,403,405,407,408,410,425,429,500-599',
      text: 'Statuses that speak of the API and not of the event: its events wait, and spend no attempts.',
    },
    dead_statuses: {
      type: 'string',
      default: '400,413,415,422',
      text: 'Statuses that refuse the event for good: it becomes a dead letter at once. Any other status costs it an attempt.',
    },
    retry_delay_header: {
      type: 'string',
      default: 'retry-after',
      text: 'The header of an answer that says how long to wait.',
    },
    retry_delay_field: {
      type: 'string',
      default: null,
      text: 'The JSON Pointer of the same in the body of an answer: `/error/retry_in`.',
    },
    retry_delay_unit: {
      type: 'string',
      default: 's',
      text: 'The unit of a number there: `s` or `ms`.',
    },
    idempotency_header: {
      type: 'string',
      default: null,
      text: 'The header that carries the event_id, so that the API can refuse a second copy. Only with `batch_events: 1`.',
    },
    requests_per_second: {
      type: 'integer',
      default: null,
      min: 1,
      max: 10_000,
      text: 'The most requests a second that one process begins. Left out: as many as it can.',
    },
    ...httpSettings,
  },
  async preview(name, settings) {
    const { previewHttpApi } = await import('./http-api.ts');
    return previewHttpApi(name, settings);
  },
  async create(name, settings) {
    const { createHttpApiDestination } = await import('./http-api.ts');
    return createHttpApiDestination(name, settings);
  },
};
