import { describe, expect, it } from 'vitest';

import { gateUrl } from '../gate-client.ts';
import { lineOfFlags } from './source.ts';

describe('lineOfFlags', () => {
  it('writes the event as a line, numbers as they were written', () => {
    const line = lineOfFlags({
      event: 'order_completed',
      user: 'u "1"',
      idempotencyKey: 'k',
      schemaVersion: '2',
      properties: '{ "total": 49.900, "tags": ["a"] }',
      property: 'order_id=A-1 n=12345678901234567890 note=a=b zip=01234 text="7" x='.split(' '),
    });
    expect(line).toBe(
      '{"event_name":"order_completed","user_id":"u \\"1\\"","idempotency_key":"k",' +
        '"schema_version":"2","properties":{"total":49.900,"tags":["a"],"order_id":"A-1",' +
        '"n":12345678901234567890,"note":"a=b","zip":"01234","text":"7","x":""}}',
    );
  });

  it('leaves out what was not said', () => {
    expect(lineOfFlags({ event: 'a' })).toBe('{"event_name":"a"}');
  });

  it.each([
    [{ property: ['total'] }, 'name=value'],
    [{ property: ['=1'] }, 'name=value'],
    [{ property: ['a=1', 'a=2'] }, '"a" is given twice'],
    [{ properties: '{"a":1}', property: ['a=2'] }, '"a" is given twice'],
    [{ properties: '{"a":1,"a":2}' }, '"a" is given twice'],
    [{ properties: '[1]' }, 'a JSON object'],
    [{ properties: '{' }, 'a JSON object'],
  ])('refuses %j', (flags, sentence) => {
    expect(() => lineOfFlags({ event: 'a', ...flags })).toThrow(sentence);
  });
});

describe('gateUrl', () => {
  it.each([
    [undefined, {}, 'http://127.0.0.1:8080'],
    [undefined, { HEADGATE_LISTEN: '127.0.0.1:9090' }, 'http://127.0.0.1:9090'],
    [undefined, { HEADGATE_LISTEN: '0.0.0.0:9090' }, 'http://127.0.0.1:9090'],
    [undefined, { HEADGATE_LISTEN: '[::]:9090' }, 'http://[::1]:9090'],
    [undefined, { HEADGATE_LISTEN: 'a:1', HEADGATE_URL: 'https://gate/' }, 'https://gate'],
    [undefined, { HEADGATE_LISTEN: 'unix:/run/a.sock' }, 'unix:/run/a.sock'],
    ['unix:/run/b.sock', {}, 'unix:/run/b.sock'],
    ['http://other:1', { HEADGATE_URL: 'https://gate' }, 'http://other:1'],
  ])('of %s and %j is %s', (named, env, url) => {
    expect(gateUrl(named, env)).toBe(url);
  });

  it.each(['localhost:8080', 'ftp://gate', 'unix:', ''])('refuses %j', (named) => {
    expect(() => gateUrl(named, {})).toThrow('must be a URL such as');
  });
});
