/** A request that is refused before its body has arrived. */
export interface Refusal {
  readonly name: string;
  readonly port: 'gate' | 'admin' | 'busy';
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly status: number;
  /** Each run of the suite has it, not only the full one. */
  readonly isShort?: true;
}

export const writeKey = 'hg_refused';
export const adminToken = 'a-token-of-the-operators-0123456789';

const json = { 'content-type': 'application/json' };
const keyed = { ...json, 'x-write-key': writeKey };
const rpc = '/headgate.v1.TrackService/Track';

export const refusals: readonly Refusal[] = [
  gate('401', '/v1/track', json, 401, { isShort: true }),
  gate('401 of a batch', '/v1/batch', json, 401),
  gate('401 of Connect', rpc, json, 401),
  gate(
    '401 of CloudEvents',
    '/v1/cloudevents',
    { 'content-type': 'application/cloudevents+json' },
    401,
  ),
  gate('404', '/v1/nothing', keyed, 404),
  gate('404 of a webhook', '/v1/webhooks/nobody', json, 404),
  gate('405', '/v1/track', keyed, 405, { method: 'PUT' }),
  gate('405 of a vendor', '/v1/segment/track', json, 405, { method: 'PUT' }),
  gate('413', '/v1/track', keyed, 413, { isShort: true }),
  gate('413 of a vendor', '/v1/segment/batch', json, 413),
  gate('415', '/v1/track', { ...keyed, 'content-type': 'text/xml' }, 415),
  gate('401 to Expect', '/v1/track', { ...json, expect: '100-continue' }, 401),
  gate('413 to Expect', '/v1/track', { ...keyed, expect: '100-continue' }, 413),
  gate('503', '/v1/track', keyed, 503, { port: 'busy', isShort: true }),
  gate('401 of the admin port', '/metrics', json, 401, { port: 'admin', isShort: true }),
  gate('401 of an operators’ RPC', '/headgate.v1.TailService/Tail', json, 401, { port: 'admin' }),
  gate(
    '404 of the admin port',
    '/nothing',
    { ...json, authorization: `Bearer ${adminToken}` },
    404,
    {
      port: 'admin',
    },
  ),
];

function gate(
  name: string,
  path: string,
  headers: Refusal['headers'],
  status: number,
  other: Partial<Refusal> = {},
): Refusal {
  return { name, port: 'gate', method: 'POST', path, headers, status, ...other };
}
