import path from 'node:path';

import { expect, test } from 'vitest';

import { StartError } from '../../errors.ts';
import { readBigquerySettings } from './settings.ts';

const given = {
  project: 'my-project',
  dataset: 'analytics',
  table: 'events',
  journal: 'j',
  ids_kept: 1_000,
  busy_timeout: 5,
  timeout: 10,
};

test('settings are read, and requests go to Google unless they say otherwise', () => {
  expect(readBigquerySettings('w', given)).toEqual({
    project: 'my-project',
    dataset: 'analytics',
    table: 'events',
    mode: 'events',
    prefix: '',
    journal: path.resolve('j', 'journal.db'),
    idsKeptMs: 1_000,
    busyTimeoutMs: 5,
    timeoutMs: 10,
    api: { host: 'bigquery.googleapis.com', isSecure: true },
    storage: { host: 'bigquerystorage.googleapis.com', isSecure: true },
  });
  const endpoints = { endpoint: 'https://far:8443', storage_endpoint: 'http://127.0.0.1:9060' };
  expect(readBigquerySettings('w', { ...given, ...endpoints })).toMatchObject({
    api: { host: 'far:8443', isSecure: true },
    storage: { host: '127.0.0.1:9060', isSecure: false },
  });
});

test.each([
  ['project', 'My Project'],
  ['dataset', 'my-dataset'],
  ['dataset', 'd'.repeat(1_025)],
  ['table', 'events; DROP'],
  ['table', `e${'x'.repeat(1_024)}`],
  ['table_prefix', 'Hg'],
  ['timeout', 0],
  ['endpoint', 'bigquery.googleapis.com'],
  ['storage_endpoint', 'https://user:secret-1@far'],
  ['storage_endpoint', 'https://far/v1'],
])('%s: %s stops the start, and names the setting', (setting, value) => {
  const read = (): unknown => readBigquerySettings('w', { ...given, [setting]: value });
  expect(read).toThrow(StartError);
  expect(read).toThrow(`destinations.w.${setting}: `);
  expect(read).not.toThrow('secret-1');
});

test('names at their limits are taken', () => {
  const names = { dataset: 'd'.repeat(1_024), table: `e${'x'.repeat(1_023)}` };
  expect(readBigquerySettings('w', { ...given, ...names })).toMatchObject(names);
});
