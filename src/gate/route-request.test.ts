import type { IncomingHttpHeaders } from 'node:http';

import { describe, expect, test } from 'vitest';

import { ServiceError } from '../errors.ts';
import type { HttpCall } from '../http/http-call.ts';
import type { GateContext } from './gate-context.ts';
import { createRequestHandler, routeOf, isFastPath, vendorRoutes } from './route-request.ts';
import type { WebhookEntry } from './webhooks/webhook-endpoint.ts';

interface Request {
  readonly path: string;
  readonly method?: string;
  readonly type?: string;
  readonly version?: 1 | 2;
}

interface Answered {
  readonly status: number;
  readonly headers: Record<string, string | number>;
  readonly body: string;
  /** What counted the request: an endpoint. Undefined: none did. */
  readonly counted: string | undefined;
  readonly routed: boolean;
}

/** Serves one request to a gate whose endpoints refuse it for its key, and say which they are. */
function serve({ path, method = 'POST', type = '', version = 2 }: Request): Answered {
  let answer = { status: 0, headers: {} as Record<string, string | number>, body: '' };
  let counted: string | undefined;
  let routed = false;
  const context = {
    authenticate: () => {
      throw new ServiceError('unauthenticated', 'No key.');
    },
    limits: { requestBytesMax: 1000 },
    bodies: { read: () => {} },
    callers: { isOpen: false, proven: new WeakSet(), turns: { spend: () => true } },
    signals: {
      requestAnswered: (rpc: string, door: string) => (counted = `${rpc} ${door}`),
      requestFailed: () => {},
    },
  } as unknown as GateContext;
  const entry = {
    context,
    endpointFor: () => ({ begin: () => context.authenticate({}), refuse: () => 16 }),
  } as unknown as WebhookEntry;
  const handle = createRequestHandler(
    context,
    { handle: () => (routed = true), health: {} } as never,
    new Map([['shop', entry]]),
    () => Buffer.from('{"openapi":"3.1.0"}'),
  );
  const headers: IncomingHttpHeaders = type === '' ? {} : { 'content-type': type };
  handle({
    httpVersionMajor: version,
    connection: {},
    method,
    url: path,
    headers,
    complete: true,
    answered: false,
    reply: (status: number, sent: typeof answer.headers, body: string | Buffer) => {
      answer = { status, headers: sent, body: String(body) };
    },
    replyWithTrailers: () => {},
  } as unknown as HttpCall);
  return { ...answer, counted, routed };
}

const json = 'application/json';
const rpc = '/headgate.v1.TrackService';

describe('a path leads to its endpoint', () => {
  test.each([
    ['/v1/track', json, 'Track rest'],
    ['/v1/track?a=1', json, 'Track rest'],
    ['/v1/batch', json, 'BatchTrack rest'],
    ['/v1/batch', 'application/x-ndjson', 'BatchTrack rest'],
    ['/v1/validate', json, 'BatchTrack rest'],
    [`${rpc}/Track`, json, 'Track connect'],
    [`${rpc}/BatchTrack`, 'application/proto', 'BatchTrack connect'],
    [`${rpc}/Track`, 'application/grpc', 'Track grpc'],
    [`${rpc}/Track`, 'application/grpc-web+proto', 'Track grpc_web'],
    ['/v1/segment/track', json, undefined],
    ['/v1/cloudevents', 'application/cloudevents+json', 'Track cloudevents'],
    ['/v1/cloudevents', 'application/cloudevents-batch+json', 'BatchTrack cloudevents'],
    ['/v1/webhooks/shop', json, 'Track webhook'],
    // RFC 9112 §3.2.2, and a base URL with a slash too many.
    ['http://gate.example/v1/track', json, 'Track rest'],
    ['https://gate.example:8443//v1/track/?a=1', json, 'Track rest'],
    ['//v1/track', json, 'Track rest'],
    ['/v1/track/', json, 'Track rest'],
    ['//v1//batch/', json, 'BatchTrack rest'],
    [`/${rpc}/Track`, json, 'Track connect'],
    [`${rpc}/Track/`, 'application/grpc', 'Track grpc'],
    [`${rpc}/Track`, 'application/grpc+json', 'Track grpc'],
    [`${rpc}/Track`, 'application/grpc-web+json', 'Track grpc_web'],
    ['//v1/webhooks/shop', json, 'Track webhook'],
    ['/v1/webhooks/shop/', json, 'Track webhook'],
    ['http://gate.example/v1/webhooks/shop', json, 'Track webhook'],
    ['/v1/cloudevents/', 'application/cloudevents+json', 'Track cloudevents'],
  ])('%s with %s: %s', (path, type, counted) => {
    // Segment's key may be in the body, so it is not refused yet.
    expect(serve({ path, type })).toMatchObject({ counted, routed: false });
  });

  test.each([
    ['/grpc.health.v1.Health/Check', json],
    ['//grpc.health.v1.Health/Check/', json],
  ])('the Connect router serves %s with %s', (path, type) => {
    expect(serve({ path, type })).toMatchObject({ routed: true, counted: undefined });
  });

  test.each([...vendorRoutes.keys()])('%s in every form', (path) => {
    const shorter = path.replace(/\/$/, '');
    const forms = [`/${path}`, `http://gate.example${path}`, `${shorter}/`, `/${shorter}//?a=1`];
    const answers = forms.map((form) => serve({ path: form, method: 'DELETE' }));
    expect(answers.map(({ status }) => status)).toEqual([405, 405, 405, 405]);
  });

  test.each(['GET', 'HEAD'])('%s /openapi.json is the document', (method) => {
    const { status, body } = serve({ path: '/openapi.json', method });
    expect([status, body]).toEqual([200, '{"openapi":"3.1.0"}']);
  });
});

describe('a request without an endpoint is refused', () => {
  test.each([
    [{ path: '/' }, 404, undefined, /No endpoint \/ exists/],
    [{ path: `/${'x'.repeat(200)}` }, 404, undefined, /No endpoint \/x{79} exists/],
    [{ path: '/openapi.json' }, 404, undefined, /No endpoint/],
    [{ path: `${rpc}/Other` }, 404, undefined, /No endpoint/],
    [{ path: '/v1/webhooks/other', method: 'GET' }, 404, undefined, /\\"other\\"/],
    [{ path: '/v1/webhooks/shop', method: 'GET' }, 405, 'POST', /shop takes POST\./],
    [{ path: '/v1/track', method: 'GET' }, 405, 'POST', /\/v1\/track takes POST\./],
    [{ path: `${rpc}/Track`, method: 'PUT' }, 405, 'POST', /Track takes POST\./],
    [{ path: '/v1/segment/track', method: 'GET' }, 405, 'POST', /takes POST\./],
    [{ path: '/track', method: 'PUT' }, 405, 'POST, GET', /\/track takes POST or GET\./],
    [{ path: `${rpc}/Track`, type: 'text/xml' }, 415, undefined, /\\"text\/xml\\" is not taken/],
    [{ path: `${rpc}/Track`, type: 'application/grpc', version: 1 }, 415, undefined, /HTTP\/2/],
  ] as const)('%j: %i', (request, status, allow, message) => {
    const answer = serve(request);
    expect([answer.status, answer.headers['allow']]).toEqual([status, allow]);
    expect(answer.body).toMatch(message);
    expect(answer).toMatchObject({ counted: undefined, routed: false });
  });
});

test('traces name the paths that take events, and no others', () => {
  expect(['//v1/track', 'http://h/v1/track/', '//v1/webhooks/shop'].map(routeOf)).toEqual([
    '/v1/track',
    '/v1/track',
    '/v1/webhooks/{source}',
  ]);
  const names = ['/v1/track', '/batch/', `${rpc}/BatchTrack`, '/v1/webhooks/shop'].map(routeOf);
  expect(names).toEqual(['/v1/track', '/batch/', `${rpc}/BatchTrack`, '/v1/webhooks/{source}']);
  expect(['/openapi.json', '/grpc.health.v1.Health/Check', '/'].map(routeOf)).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});

test('the hot endpoints are served whole', () => {
  expect(isFastPath('/v1/track', {})).toBe(true);
  expect(isFastPath('/v1/validate', {})).toBe(false);
  expect(isFastPath(`${rpc}/Track`, { 'content-type': json })).toBe(true);
  expect(isFastPath(`${rpc}/Track`, { 'content-type': 'application/grpc' })).toBe(false);
});

test.for([
  ['//v1/track', '/v1/track'],
  ['/v1/track/', '/v1/track'],
  ['/v1//batch/', '/v1/batch'],
  ['/v1/segment//v1/batch', '/v1/segment/v1/batch'],
  ['//batch/', '/batch/'],
  ['/track/', '/track'],
] as const)('a slash too many is the same endpoint: %s', ([path, meant]) => {
  const { status } = serve({ path, type: 'application/json' });
  expect(status).not.toBe(404);
  expect(status).toBe(serve({ path: meant, type: 'application/json' }).status);
  expect(routeOf(path)).toBe(meant);
});

test.for(['/v1/tracks/', '//', '//v1/trac', '/v1/track/x'])('no endpoint: %s', (path) => {
  expect(serve({ path, type: 'application/json' }).status).toBe(404);
});
