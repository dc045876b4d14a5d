/// <reference lib="dom" />
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import { fromBinary } from '@bufbuild/protobuf';
import { parse } from 'yaml';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { CountRedeliveryRequestSchema } from '../../gen/headgate/v1/redelivery_service_pb.ts';
import { newWriteKey } from '../../src/config/write-key.ts';
import { askAdmin } from '../ask-admin.ts';
import { expectAccessible, soon, whyNoBrowser, type ConsoleWindow } from './browser.ts';
import { invoice, order, type ConsoleWorld } from './console-world.ts';
import { openConsole, type OpenConsole } from './open-console.ts';

describe.skipIf(whyNoBrowser() !== undefined)('dialogs of the console', () => {
  let open: OpenConsole;
  let world: ConsoleWorld;
  let window: ConsoleWindow;

  beforeAll(async () => {
    open = await openConsole(async ({ send }) => {
      await send('shop', order(1), order(2), invoice(1), invoice(2));
      await send('web', { event_name: 'basket_viewed', user_id: 'u', properties: { items: 3 } });
    });
    ({ world, window } = open);
  });
  afterAll(() => open?.[Symbol.asyncDispose]());

  const dialog = () => window.page.getByRole('dialog');
  const press = (name: string | RegExp): Promise<void> =>
    window.page.getByRole('button', { name, exact: typeof name === 'string' }).click();
  const focused = (): Promise<string> =>
    window.page.evaluate(() => {
      const { activeElement: element } = document;
      const label = element?.closest('label')?.querySelector('span')?.textContent;
      return label ?? element?.textContent ?? '';
    });

  test('begin at the first field, or at the button that changes nothing', async () => {
    const { page } = window;
    const begins: [string, string | RegExp, string][] = [
      ['/destinations/warehouse', 'Pause…', 'Reason (kept in the audit log)'],
      ['/destinations/warehouse', 'Redeliver…', 'Stored since (local time)'],
      ['/keys', 'Create a key…', 'Source'],
      ['/keys', 'Revoke…', 'Cancel'],
      ['/contracts/order_completed?version=3', 'Activate…', 'Cancel'],
    ];
    for (const [where, button, wanted] of begins) {
      await window.goTo(where);
      await page.getByRole('button', { name: button }).first().click();
      await expect.poll(focused, soon).toMatch(new RegExp(`^${wanted.replace(/[()]/g, '\\$&')}`));
      await expectAccessible(page);
      await page.emulateMedia({ colorScheme: 'dark' });
      await expectAccessible(page);
      await page.emulateMedia({ colorScheme: 'light' });
      await page.keyboard.press('Escape');
      await dialog().waitFor({ state: 'hidden' });
    }
  });

  test('of a redelivery have the zone that was chosen, and yesterday', async () => {
    await using india = await open.browser.signIn(undefined, { timezoneId: 'Asia/Kolkata' });
    const { page } = india;
    await india.goTo('/destinations/warehouse');
    const counted: [begin: number, length: number][] = [];
    const dayMs = 86_400_000;
    page.on('request', (request) => {
      if (!request.url().endsWith('/CountRedelivery')) return;
      const { since, until } = readRange(request.postDataBuffer()!);
      counted.push([since % dayMs, until - since]);
    });
    await page.getByRole('button', { name: 'Redeliver…' }).click();
    await page.getByRole('button', { name: 'Yesterday' }).click();
    // Days begin at 18:30 UTC there.
    await expect.poll(() => counted.at(-1), soon).toEqual([66_600_000, dayMs]);
    const local = page.getByLabel(/^Stored since \(local time\)/);
    expect(await local.inputValue()).toMatch(/T00:00$/);
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Local time' }).click();
    await page.getByRole('button', { name: 'Redeliver…' }).click();
    // The same moment, in the other zone.
    expect(await page.getByLabel(/^Stored since \(UTC\)/).inputValue()).toMatch(/T18:30$/);
    await page.getByRole('button', { name: 'Yesterday' }).click();
    await expect.poll(() => counted.at(-1), soon).toEqual([0, dayMs]);
  });

  test('of a redelivery offer only what the destination can answer', async () => {
    const { page } = window;
    const offers: boolean[] = [];
    for (const name of ['warehouse', 'crm']) {
      await window.goTo(`/destinations/${name}`);
      await press('Redeliver…');
      await dialog().getByText('Would be sent').waitFor();
      offers.push(
        await dialog()
          .getByLabel(/^Only what the destination does not have/)
          .isVisible(),
      );
      await page.keyboard.press('Escape');
    }
    expect(offers).toEqual([true, false]);
  });

  test('the result of a try is in sight', async () => {
    const { page } = window;
    await page.setViewportSize({ width: 1280, height: 360 });
    await window.goTo('/contracts/order_completed?version=3');
    await press('Try version 3');
    const result = page.getByRole('region', { name: 'Try it' }).getByText('Would be refused');
    await result.waitFor();
    const isInSight = (): Promise<boolean> =>
      result.evaluate((element) => {
        const { top, bottom } = element.getBoundingClientRect();
        return top >= 0 && bottom <= innerHeight;
      });
    await expect.poll(isInSight, soon).toBe(true);
    await page.setViewportSize({ width: 1280, height: 800 });
  });

  test('contracts in files: the changed taxonomy.yaml is there to take', async () => {
    const { page } = window;
    interface Taxonomy {
      readonly events: Record<string, { active: number; mode?: string }>;
    }
    const saved = async (button: string): Promise<{ text: string; taxonomy: Taxonomy }> => {
      const download = page.waitForEvent('download');
      await press(button);
      expect((await download).suggestedFilename()).toBe('taxonomy.yaml');
      const text = await readFile(await (await download).path(), 'utf8');
      return { text, taxonomy: parse(text) as Taxonomy };
    };
    await window.goTo('/contracts/order_completed?version=3');
    await press('Activate…');
    const activated = await saved('Download the changed taxonomy.yaml');
    expect(activated.taxonomy.events['order_completed']!.active).toBe(3);
    // What people wrote stays as it is.
    expect(activated.text).toContain('#');
    await page.keyboard.press('Escape');
    await window.goTo('/contracts/basket_viewed');
    await press('Make a contract');
    const added = await saved('Download the changed taxonomy.yaml');
    expect(added.taxonomy.events['basket_viewed']).toMatchObject({ active: 1, mode: 'warn' });
    expect(added.taxonomy.events['order_completed']!.active).toBe(2);
  });

  test('a key is rotated: the new one works, the old one ends later', async () => {
    const { page } = window;
    await window.goTo('/keys');
    await press('Create a key…');
    await dialog()
      .getByLabel(/^Source/)
      .fill('rotated');
    await press('Create the key');
    const old = (await dialog().locator('.secret code').textContent())!;
    await dialog().getByRole('button', { name: 'Close' }).last().click();
    const rows = page
      .getByRole('table', { name: 'Write keys' })
      .getByRole('row', { name: /rotated/ });
    await rows.getByRole('button', { name: 'Rotate…' }).click();
    await dialog().getByText('24 hours from now').waitFor();
    await press('Make the new key');
    await dialog().getByText('it is shown once').waitFor();
    const next = (await dialog().locator('.secret code').textContent())!;
    await dialog().getByRole('button', { name: 'Close' }).last().click();
    await expect.poll(() => rows.count(), soon).toBe(2);
    expect(next).not.toBe(old);
    const send = async (key: string): Promise<number> =>
      (
        await fetch(`${world.real.url}/v1/track`, {
          method: 'POST',
          headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
          body: JSON.stringify({ ...order(20), idempotency_key: randomUUID() }),
        })
      ).status;
    await expect.poll(() => send(next), soon).toBe(202);
    expect(await send(old)).toBe(202);
    expect(await send(newWriteKey())).toBe(401);
    // A dialog reads the last use again.
    await rows.getByRole('button', { name: 'Revoke…' }).last().click();
    await dialog().getByText(/ ago$/).waitFor();
    await page.keyboard.press('Escape');
  });

  test('a key of the configuration is revoked, and the line to remove is named', async () => {
    const { page } = window;
    await window.goTo('/keys');
    const row = page.getByRole('row', { name: /^web .*in headgate\.yaml/ });
    const id = (await row.locator('code').first().textContent())!;
    await row.getByRole('button', { name: 'Revoke…' }).click();
    await dialog().getByText(`hash: "sha256:${id}…"`).waitFor();
    await press('Revoke the key of web');
    await dialog().getByText('The key is revoked').waitFor();
    await dialog().getByRole('button', { name: 'Close' }).last().click();
    await expect.poll(() => row.count(), soon).toBe(0);
    const listed = await askAdmin<{ keys: { id: string; state: string }[] }>(
      world.real.adminUrl,
      'KeyService/ListKeys',
      { source: 'web', includeEnded: true },
    );
    expect(listed.keys).toMatchObject([{ id, state: 'REVOKED' }]);
  });

  test('all dead letters of a destination are replayed at once', async () => {
    const { page } = window;
    const count = async (): Promise<string> =>
      (
        await askAdmin<{ count?: string }>(
          world.real.adminUrl,
          'DeadLetterService/CountDeadLetters',
        )
      ).count ?? '0';
    await expect.poll(count, soon).toBe('2');
    world.billing.respond = (_request, response) => void response.writeHead(200).end();
    await window.goTo('/dead-letters?destination=billing');
    await press('Replay matching…');
    await press('Replay 2 dead letters');
    await dialog().getByText('2 events replayed.').waitFor();
    await dialog().getByRole('button', { name: 'Close' }).last().click();
    await expect.poll(count, soon).toBe('0');
    await page.getByText('No dead letters here').waitFor();
  });
});

/** `since` and `until` of a CountRedeliveryRequest, as Unix times in ms. */
function readRange(body: Buffer): { since: number; until: number } {
  const { selection } = fromBinary(CountRedeliveryRequestSchema, body);
  const msOf = (seconds?: bigint): number => Number(seconds ?? 0n) * 1_000;
  return { since: msOf(selection?.since?.seconds), until: msOf(selection?.until?.seconds) };
}
