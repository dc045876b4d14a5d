import { createExchange, reply } from '../gate/exchange.ts';
import type { HttpCall } from '../http/http-call.ts';
import { isCrossSite } from '../http/same-site.ts';
import type { MockLog } from './mock-log.ts';

const methods: Readonly<Record<string, string>> = {
  '/mock/good': 'GET',
  '/mock/bad': 'GET',
  '/mock/reset': 'POST',
};

/** Answers `/mock/good`, `/mock/bad` and `/mock/reset`. Returns false if the call is for the gate. */
export function serveMock(log: MockLog, call: HttpCall): boolean {
  const [path = '', query = ''] = call.url.split('?', 2);
  if (!path.startsWith('/mock/')) return false;
  const exchange = createExchange(call);
  const answer = (status: number, body: object): void => {
    reply(exchange, status, { 'content-type': 'application/json' }, JSON.stringify(body));
  };
  const method = methods[path];
  const testId = new URLSearchParams(query).get('test_id') ?? undefined;
  if (method === undefined) {
    answer(404, {
      error: `${path.slice(0, 80)}: GET /mock/good or /mock/bad, or POST /mock/reset`,
    });
  } else if (call.method !== method) answer(405, { error: `${path} takes ${method}.` });
  else if (isCrossSite(call.headers)) {
    answer(403, { error: 'A page of another site sent this request.' });
  } else if (testId === '') {
    // Of no test: a check that nothing was rejected would pass whatever came.
    answer(400, { error: 'test_id is empty: name a test, or leave it out for all events.' });
  } else if (path === '/mock/good') {
    answer(200, { events: log.good(testId), forgotten: log.forgotten() });
  } else if (path === '/mock/bad') {
    answer(200, { events: log.bad(testId), forgotten: log.forgotten() });
  } else {
    log.reset(testId);
    answer(200, {});
  }
  return true;
}
