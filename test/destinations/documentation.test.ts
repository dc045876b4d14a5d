import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { destinationSettings } from '../../src/config/destination-settings.ts';
import type { Setting } from '../../src/config/setting.ts';
import { destinationTypes } from '../../src/destinations/registry.ts';
import { createWebhookDestination } from '../../src/destinations/webhook/webhook.ts';
import { deliverAll, deliveryOfEvent } from './deliveries.ts';
import { startHttpServer, type ReceivedRequest } from './http-server.ts';
import { webhookSecret, webhookSettings } from './webhook-far-side.ts';

type Verify = (secret: string, headers: object, body: Buffer) => boolean;

/** `webhook`: docs/destinations/webhook.md. */
const fileOf = (name: string): URL =>
  new URL(`../../docs/destinations/${name}.md`, import.meta.url);
const readPage = (name: string): string => readFileSync(fileOf(name), 'utf8');
const folder = mkdtempSync(join(tmpdir(), 'headgate-snippet-'));
let verify: Verify;
let request: ReceivedRequest;

beforeAll(async () => {
  const snippet = /```js\n(.*?)```/s.exec(readPage('webhook'))?.[1] ?? '';
  const file = join(folder, 'snippet.mjs');
  writeFileSync(file, snippet);
  verify = ((await import(pathToFileURL(file).href)) as { verifyWebhook: Verify }).verifyWebhook;
  const server = await startHttpServer((received, response) => {
    request = received;
    response.end();
  });
  const destination = createWebhookDestination('docs', webhookSettings(server.port));
  await deliverAll(destination, [deliveryOfEvent({ properties: { text: 'é漢' } })]);
  await destination.close();
  await server.close();
});
afterAll(() => rmSync(folder, { recursive: true }));

test('the snippet of the page verifies what a webhook sends', () => {
  expect(verify(webhookSecret, request.headers, request.body)).toBe(true);
});

test('the snippet refuses another body, id, time and secret', () => {
  const { headers, body } = request;
  const other = `whsec_${Buffer.alloc(32, 8).toString('base64')}`;
  const old = String(Number(headers['webhook-timestamp']) - 301);
  expect(verify(webhookSecret, headers, Buffer.concat([body, Buffer.from(' ')]))).toBe(false);
  expect(verify(webhookSecret, { ...headers, 'webhook-id': 'x' }, body)).toBe(false);
  expect(verify(webhookSecret, { ...headers, 'webhook-timestamp': old }, body)).toBe(false);
  expect(verify(webhookSecret, { ...headers, 'webhook-timestamp': 'soon' }, body)).toBe(false);
  expect(verify(webhookSecret, { ...headers, 'webhook-signature': 'v1,' }, body)).toBe(false);
  expect(verify(webhookSecret, {}, body)).toBe(false);
  expect(verify(other, headers, body)).toBe(false);
});

test.each(destinationTypes)('the page of $type has every setting with its default', (one) => {
  expect(existsSync(fileOf(one.type))).toBe(true);
  const page = readPage(one.type);
  expect(page).toContain('\n## Settings\n');
  for (const [name, setting] of Object.entries(one.settings)) {
    const shown = setting.default === undefined ? 'required' : setting.default;
    const cell = shown === null ? 'none' : shown === 'required' ? shown : `\`${shown}\``;
    expect(page).toContain(`| \`${name}\` | ${cell} |`);
  }
});

test('the overview has every type, and every common setting with its default', () => {
  const page = readPage('README');
  for (const { type } of destinationTypes) expect(page).toContain(`| [\`${type}\`](${type}.md)`);
  for (const [name, setting] of Object.entries<Setting>(destinationSettings)) {
    const { default: value, defaultText } = setting;
    const cell =
      defaultText ?? (value === undefined ? 'required' : value === null ? 'unset' : `\`${value}\``);
    expect(page).toContain(`| \`${name}\` | ${cell} |`);
  }
});
