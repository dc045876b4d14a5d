import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { destinationTypes } from '../../src/destinations/registry.ts';
import { createWebhookDestination } from '../../src/destinations/webhook/webhook.ts';
import { deliverAll, deliveryOfEvent } from './deliveries.ts';
import { startHttpServer, type ReceivedRequest } from './http-server.ts';
import { webhookSecret, webhookSettings } from './webhook-far-side.ts';

type Verify = (secret: string, headers: object, body: Buffer) => boolean;

const page = readFileSync(new URL('../../docs/destinations.md', import.meta.url), 'utf8');
const folder = mkdtempSync(join(tmpdir(), 'headgate-snippet-'));
let verify: Verify;
let request: ReceivedRequest;

beforeAll(async () => {
  const snippet = /```js\n(.*?)```/s.exec(page)?.[1] ?? '';
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

test('the page has every type and every setting with its default', () => {
  for (const { type, settings } of destinationTypes) {
    const section = page.split('\n## ').find((text) => text.startsWith(`${type}\n`)) ?? '';
    for (const [name, setting] of Object.entries(settings)) {
      const shown = setting.default === undefined ? 'required' : setting.default;
      const cell = shown === null ? 'none' : shown === 'required' ? shown : `\`${shown}\``;
      expect(section).toContain(`| \`${name}\` | ${cell} |`);
    }
  }
});
