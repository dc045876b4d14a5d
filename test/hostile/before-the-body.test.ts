import { once } from 'node:events';
import http2 from 'node:http2';
import { gzipSync } from 'node:zlib';

import { describe, expect, test } from 'vitest';

import { hashWriteKey } from '../../src/config/write-key.ts';
import { startRealService } from '../real-service.ts';

/* Who has no key is refused by the head of the request, at the endpoints that the library serves, too. */

interface Answer {
  readonly headers: http2.IncomingHttpHeaders;
  readonly body: string;
}

const keys = `keys:\n  - source: shop\n    hash: "${hashWriteKey('hg_known')}"\n`;

describe('without a key', () => {
  test.each([
    ['/headgate.v1.TrackService/Track', 'application/grpc+json'],
    ['/headgate.v1.TrackService/BatchTrack', 'application/grpc+json'],
    ['/headgate.v1.TrackService/Track', 'application/grpc'],
  ])('%s with %s is refused before its message is sent', async (path, type) => {
    await using service = await startRealService({ env: { HEADGATE_AUTH: 'keys' }, yaml: keys });
    const answer = await call(service.url, path, type, undefined);
    expect(answer.headers).toMatchObject({ ':status': 200, 'grpc-status': '16' });
    expect(answer.headers['content-type']).toBe(type);
  });

  test.each([
    ['/v1/track', 'application/json'],
    ['/v1/batch', 'application/x-ndjson'],
    ['/v1/validate', 'application/json'],
    ['/v1/cloudevents', 'application/cloudevents+json'],
    ['/headgate.v1.TrackService/Track', 'application/json'],
  ])('%s is refused before its body is sent', async (path, type) => {
    await using service = await startRealService({ env: { HEADGATE_AUTH: 'keys' }, yaml: keys });
    const answer = await call(service.url, path, type, undefined);
    expect(answer.headers).toMatchObject({ ':status': 401 });
  });

  test('health takes a small message, and no large one', async () => {
    await using service = await startRealService({ env: { HEADGATE_AUTH: 'keys' }, yaml: keys });
    const check = '/grpc.health.v1.Health/Check';
    const small = await call(service.url, check, 'application/json', Buffer.from('{}'));
    expect(small).toMatchObject({ headers: { ':status': 200 }, body: '{"status":"SERVING"}' });
    const large = gzipSync(Buffer.alloc(17 * 1024, ' '));
    const refused = await call(service.url, check, 'application/json', large, 'gzip');
    expect(refused.body).toContain('resource_exhausted');
  });
});

/** `body`: undefined: the request stays open, and its answer comes nevertheless. */
async function call(
  url: string,
  path: string,
  type: string,
  body: Buffer | undefined,
  encoding?: string,
): Promise<Answer> {
  const session = http2.connect(url);
  try {
    const stream = session.request({
      ':path': path,
      ':method': 'POST',
      'content-type': type,
      ...(encoding !== undefined && { 'content-encoding': encoding }),
    });
    if (body !== undefined) stream.end(body);
    else stream.write('x');
    const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
    let text = '';
    stream.setEncoding('utf8').on('data', (part: string) => (text += part));
    await Promise.race([once(stream, 'end'), once(stream, 'close')]);
    return { headers, body: text };
  } finally {
    session.destroy();
  }
}
