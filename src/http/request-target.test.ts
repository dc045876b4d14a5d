import { expect, test } from 'vitest';

import { findPath, plainPath } from './request-target.ts';

test.each([
  ['/v1/track', '/v1/track'],
  ['//v1/track', '/v1/track'],
  ['/v1//track//', '/v1/track'],
  ['/v1/track/', '/v1/track'],
  ['http://host:80/v1/track', '/v1/track'],
  ['HTTPS://host//v1/track/', '/v1/track'],
  ['http://host', '/'],
  ['/', '/'],
  ['//', '/'],
  ['*', '*'],
  ['ftp://host/v1/track', 'ftp:/host/v1/track'],
])('%s is %s', (sent, path) => {
  expect(plainPath(sent)).toBe(path);
});

test('the form that is known is found, with a slash or without', () => {
  const known = new Set(['/batch/', '/v1/track']);
  const find = (path: string): string => findPath(path, (each) => known.has(each));
  expect(['/batch', '//batch/', 'http://h/batch', '/v1/track/', '/other//'].map(find)).toEqual([
    '/batch/',
    '/batch/',
    '/batch/',
    '/v1/track',
    '/other//',
  ]);
});
