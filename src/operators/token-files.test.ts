import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { createSecret } from '../config/secret.ts';
import { loadOperatorTokens, readAdminTokenFile, tokenFiles } from './token-files.ts';

let folder: string;
let dataDir: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'headgate-tokens-'));
  dataDir = path.join(folder, 'data');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const fileOf = (kind: keyof typeof tokenFiles): string => path.join(dataDir, tokenFiles[kind]);

test('makes two tokens at the first start, for their owner alone, and keeps them', () => {
  const first = loadOperatorTokens({ dataDir, admin: {} });
  const second = loadOperatorTokens({ dataDir, admin: {} });
  expect(first.admin.reveal()).toMatch(/^hg_admin_[\w-]{43}$/);
  expect(first.metrics?.reveal()).toMatch(/^hg_metrics_[\w-]{43}$/);
  expect(second.admin.reveal()).toBe(first.admin.reveal());
  expect(second.metrics?.reveal()).toBe(first.metrics?.reveal());
  expect(readAdminTokenFile(dataDir)).toBe(first.admin.reveal());
  for (const kind of ['admin', 'metrics'] as const) {
    expect(statSync(fileOf(kind)).mode & 0o777).toBe(0o600);
  }
  expect(statSync(dataDir).mode & 0o777).toBe(0o700);
});

test('uses the tokens of the configuration, and makes no others', () => {
  const admin = { token: createSecret('sesame'), metricsToken: createSecret('gauges') };
  const tokens = loadOperatorTokens({ dataDir, admin });
  expect([tokens.admin.reveal(), tokens.metrics?.reveal()]).toEqual(['sesame', 'gauges']);
  expect(existsSync(dataDir)).toBe(false);
});

test('refuses a metrics token that is the admin token, wherever the two come from', () => {
  const { metrics } = loadOperatorTokens({ dataDir, admin: {} });
  const same = /the same, so that a scraper could use every RPC.*Delete .*metrics-token/;
  expect(() => loadOperatorTokens({ dataDir, admin: { token: metrics } })).toThrow(same);
  writeFileSync(fileOf('admin'), readFileSync(fileOf('metrics')));
  expect(() => loadOperatorTokens({ dataDir, admin: {} })).toThrow(same);
});

test('a configured admin token still has a metrics token beside it, if it can be kept', () => {
  const admin = { token: createSecret('sesame') };
  const tokens = loadOperatorTokens({ dataDir, admin });
  expect(tokens.metrics?.reveal()).toBe(readFileSync(fileOf('metrics'), 'utf8').trim());
  expect(existsSync(fileOf('admin'))).toBe(false);
  writeFileSync(path.join(folder, 'file'), '');
  const away = loadOperatorTokens({ dataDir: path.join(folder, 'file', 'data'), admin });
  expect(away.metrics).toBeUndefined();
});

test('refuses a file that others can read, a file without a token, and an invalid folder', () => {
  loadOperatorTokens({ dataDir, admin: {} });
  chmodSync(fileOf('admin'), 0o640);
  expect(() => loadOperatorTokens({ dataDir, admin: {} })).toThrow(/mode 640.*chmod 600/s);
  chmodSync(fileOf('admin'), 0o600);
  for (const content of ['', 'x'.repeat(15), `${'x'.repeat(16)}\nsecond`]) {
    writeFileSync(fileOf('admin'), content);
    expect(() => loadOperatorTokens({ dataDir, admin: {} })).toThrow(/holds no token: delete it/);
  }
  writeFileSync(fileOf('admin'), 'x'.repeat(16));
  expect(loadOperatorTokens({ dataDir, admin: {} }).admin.reveal()).toBe('x'.repeat(16));
  const none = path.join(fileOf('admin'), 'data');
  expect(() => loadOperatorTokens({ dataDir: none, admin: {} })).toThrow(/HEADGATE_ADMIN_TOKEN/);
});

test('a file that is not there has no token', () => {
  expect(readAdminTokenFile(dataDir)).toBeUndefined();
});
