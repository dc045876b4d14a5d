import { describe, expect, test } from 'vitest';

import { isCrossSite, isFromBrowser, isLocalHost, isSameOrigin } from './same-site.ts';

describe('isCrossSite', () => {
  test.each([
    ['a program', {}],
    ['a typed address', { 'sec-fetch-site': 'none', host: '127.0.0.1:8081' }],
    ['our own page', { 'sec-fetch-site': 'same-origin', origin: 'http://other.example' }],
    ['our own page, old browser', { origin: 'http://LOCALHOST:8081', host: 'localhost:8081' }],
    ['a picture of our own page', { referer: 'http://127.0.0.1:1/page', host: '127.0.0.1:1' }],
    ['the default port', { origin: 'https://gate.example', host: 'gate.example' }],
  ])('is false for %s', (_what, headers) => {
    expect(isCrossSite(headers)).toBe(false);
  });

  test.each([
    ['another site', { 'sec-fetch-site': 'cross-site', host: 'localhost' }],
    ['another name of this site', { 'sec-fetch-site': 'same-site', host: 'localhost' }],
    ['a value that is not known', { 'sec-fetch-site': '', host: 'localhost' }],
    ['another origin', { origin: 'https://evil.example', host: '127.0.0.1:8080' }],
    ['another port', { origin: 'http://127.0.0.1:3000', host: '127.0.0.1:8080' }],
    ['a sandbox or a file', { origin: 'null', host: '127.0.0.1:8080' }],
    ['no host', { origin: 'https://evil.example' }],
    ['a picture of another site', { referer: 'http://evil.example/page', host: '127.0.0.1' }],
  ])('is true for %s', (_what, headers) => {
    expect(isCrossSite(headers)).toBe(true);
  });
});

describe('isLocalHost', () => {
  test.each(['127.0.0.1', '127.0.0.1:8081', '10.1.2.3:1', '[::1]', '[::1]:8081', 'localhost', ''])(
    'is true for %s',
    (host) => expect(isLocalHost({ host })).toBe(true),
  );
  test.each(['LocalHost:8081', 'gate.localhost'])('is true for %s', (host) => {
    expect(isLocalHost({ host })).toBe(true);
  });
  test.each([
    'evil.example',
    'evil.example:8081',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '127.0.0.1@evil.example',
    '[evil.example]',
    '1:2:3',
  ])('is false for %s', (host) => expect(isLocalHost({ host })).toBe(false));
});

test('isFromBrowser knows a browser by any header that it always sends', () => {
  const agent = 'Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0';
  for (const headers of [
    { origin: 'http://evil.example' },
    { 'sec-fetch-site': 'none' },
    { 'accept-language': 'de' },
    { referer: 'http://evil.example/page' },
    { 'user-agent': agent },
  ]) {
    expect(isFromBrowser(headers)).toBe(true);
  }
  expect(isFromBrowser({ 'accept-language': '*', 'user-agent': 'node' })).toBe(false);
  expect(isFromBrowser({ host: 'gate.example', 'user-agent': 'curl/8.5.0', accept: '*/*' })).toBe(
    false,
  );
});

describe('isSameOrigin', () => {
  const host = 'gate.example:8081';
  test.each([
    [{ 'sec-fetch-site': 'same-origin' }],
    [{ 'sec-fetch-site': 'same-origin', origin: 'https://rewritten.example' }],
    [{ host, origin: `http://${host}` }],
    [{ ':authority': host, origin: `https://${host}` }],
    [{ host: 'Gate.Example:8081', origin: `https://${host}` }],
  ])('%j is a page of this port', (headers) => {
    expect(isSameOrigin(headers)).toBe(true);
  });

  test.each([
    [{}],
    [{ host }],
    [{ 'sec-fetch-site': 'none' }],
    [{ 'sec-fetch-site': 'same-site', host, origin: `http://${host}` }],
    [{ 'sec-fetch-site': 'cross-site', host, origin: `http://${host}` }],
    [{ host, origin: 'null' }],
    [{ host, origin: 'http://gate.example' }],
    [{ host, origin: 'http://gate.example:8081.evil.example' }],
    [{ origin: 'http://gate.example' }],
    [{ host, referer: `http://${host}/` }],
  ])('%j is not', (headers) => {
    expect(isSameOrigin(headers)).toBe(false);
  });
});
