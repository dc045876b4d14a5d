import { expect, test } from 'vitest';

import { StartError } from '../../errors.ts';
import { readPubsubSettings } from './settings.ts';

const given = { project: 'my-project', topic: 'events', timeout: 1_000, format: 'headgate' };

test('settings are read, and requests go to Google unless they say otherwise', () => {
  expect(readPubsubSettings('bus', given)).toEqual({
    project: 'my-project',
    topic: 'projects/my-project/topics/events',
    address: 'pubsub.googleapis.com',
    isSecure: true,
    ordering: undefined,
    format: 'headgate',
    timeoutMs: 1_000,
    concurrency: 4,
  });
  const regional = { ...given, endpoint: 'https://europe-west1-pubsub.googleapis.com:8443' };
  expect(readPubsubSettings('bus', regional)).toMatchObject({
    address: 'europe-west1-pubsub.googleapis.com:8443',
    isSecure: true,
  });
  const local = { ...given, endpoint: 'http://127.0.0.1:8085', project: 'example.com:my-project' };
  expect(readPubsubSettings('bus', local)).toMatchObject({
    address: '127.0.0.1:8085',
    isSecure: false,
    topic: 'projects/example.com:my-project/topics/events',
  });
});

test('with an ordering key there is one batch at a time, unless more are asked for', () => {
  const ordered = { ...given, ordering: 'user' };
  expect(readPubsubSettings('bus', ordered)).toMatchObject({ ordering: 'user', concurrency: 1 });
  expect(readPubsubSettings('bus', { ...ordered, concurrency: 3 }).concurrency).toBe(3);
});

test.each([
  ['project', 'My Project'],
  ['project', ''],
  ['topic', 'projects/my-project/topics/events'],
  ['topic', 'google-events'],
  ['topic', 'ev'],
  ['topic', `e${'x'.repeat(255)}`],
  ['endpoint', 'pubsub.googleapis.com'],
  ['endpoint', 'https://pubsub.googleapis.com/v1'],
  ['endpoint', 'https://user:secret-1@pubsub.googleapis.com'],
  ['ordering', 'key'],
  ['format', 'xml'],
  ['timeout', 0],
])('%s: %s stops the start, and names the setting', (setting, value) => {
  const read = (): unknown => readPubsubSettings('bus', { ...given, [setting]: value });
  expect(read).toThrow(StartError);
  expect(read).toThrow(`destinations.bus.${setting}: `);
  expect(read).not.toThrow('secret-1');
});

test('the name of a topic at the limit is taken', () => {
  const topic = `e${'x'.repeat(254)}`;
  expect(readPubsubSettings('bus', { ...given, topic }).topic).toMatch(/x$/);
});
