/// <reference lib="dom" />
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { soon, whyNoBrowser, type ConsoleWindow } from './browser.ts';
import { order } from './console-world.ts';
import { openConsole, type OpenConsole } from './open-console.ts';

describe.skipIf(whyNoBrowser() !== undefined)('finding events', () => {
  let open: OpenConsole;
  let window: ConsoleWindow;

  beforeAll(async () => {
    open = await openConsole(async ({ send }) => {
      await send('shop', order(1), order(2), order(3, { total: '23' }));
      await send('web', order(3));
    });
    ({ window } = open);
  });
  afterAll(() => open?.[Symbol.asyncDispose]());

  test('the first look at the overview agrees with the destinations', async () => {
    const { page } = window;
    await window.goTo('/');
    const card = page.getByRole('region', { name: 'Events in' });
    expect(await card.locator('.figure a').textContent()).toBe('3');
    const refused = page.getByRole('table', { name: 'Most refused events' });
    await refused.getByRole('row', { name: /order_completed.*shop/ }).waitFor();
    expect(await page.getByText('Nothing is counted yet').count()).toBe(0);
  });

  test('an order number finds what was accepted and what was refused, with their ids and values', async () => {
    const { page } = window;
    await window.goTo('/');
    const field = page.getByRole('searchbox', { name: /^Find an event by any id/ });
    await field.fill('A-1003');
    await field.press('Enter');
    const stored = page.getByRole('region', { name: 'Event order_completed', exact: true });
    await stored.getByRole('link', { name: 'crm' }).waitFor();
    expect(await stored.count()).toBe(1);
    const refused = page.getByRole('region', { name: 'Refused event order_completed' });
    await refused.getByText('must be of type number, not string').waitFor();
    await refused.getByText('Idempotency key').waitFor();
    const sent = refused.getByRole('region', { name: 'The event as it was sent' });
    expect(await sent.textContent()).toContain('"A-1003"');
    expect(await page.getByRole('status').first().textContent()).toMatch(
      /^2 events found\. Looked at \d+ events since 20\d\d-/,
    );
    await window.goTo('/find?q=order_id%3DA-1002');
    await stored.waitFor();
    await expect.poll(() => page.locator('.card.found').count(), soon).toBe(1);
  });

  test('what is not found says how far was looked, and where else it may be', async () => {
    const { page } = window;
    await window.goTo(`/find?q=${encodeURIComponent("order_id=O'Neill")}`);
    const empty = page.locator('.empty');
    await empty.getByText(/Looked at \d+ events since/).waitFor();
    await empty.getByText("properties->>'$.order_id' = 'O''Neill'").waitFor();
    expect(await page.getByRole('alert').count()).toBe(0);
  });

  test('a search stops at a bounded number of pages, and goes on when it is asked to', async () => {
    const { page } = window;
    const asked: string[] = [];
    await page.route('**/headgate.v1.EventService/Locate', async (route) => {
      asked.push(route.request().postData() ?? '');
      const answer = await route.fetch();
      // LocateResponse.next_page_token, field 2, on every page but the last one of this test.
      const token = Buffer.from('located:2-1-9/done/done/done');
      const more = Buffer.concat([Buffer.from([0x12, token.length]), token]);
      const body =
        asked.length < 28 ? Buffer.concat([await answer.body(), more]) : await answer.body();
      await route.fulfill({ response: answer, body });
    });
    await window.goTo('/find?q=nowhere');
    await page.getByRole('button', { name: 'Look further' }).waitFor();
    expect(asked.length).toBe(25);
    await page.getByText(/not at all of them/).waitFor();
    await page.getByRole('button', { name: 'Look further' }).click();
    await page.getByText('Not found in this time').waitFor();
    expect(asked.length).toBe(28);
    await page.unroute('**/headgate.v1.EventService/Locate');
  });

  test('earlier events follow the filter of verdicts', async () => {
    const { page } = window;
    const list = page.getByRole('table', { name: 'Events', exact: true });
    const verdicts = async (where: string): Promise<number[]> => {
      await window.goTo(where);
      await list.waitFor();
      await expect.poll(() => page.getByText('loading more').count(), soon).toBe(0);
      return Promise.all(
        ['accepted', 'refused'].map((name) =>
          list.locator('tbody').getByText(name, { exact: true }).count(),
        ),
      );
    };
    expect(await verdicts('/live?since=24h')).toEqual([3, 1]);
    expect(await verdicts('/live?since=24h&verdict=accepted')).toEqual([3, 0]);
    expect(await verdicts('/live?since=24h&verdict=rejected')).toEqual([0, 1]);
    expect(await verdicts('/live?since=24h&verdict=rejected&user=user-3')).toEqual([0, 1]);
    await list.getByRole('link').first().click();
    const panel = page.getByRole('complementary', { name: 'Event' });
    await panel.getByText('"A-1003"').waitFor();
    await panel.getByRole('link', { name: 'Fix, replay or discard' }).waitFor();
  });

  test('the way of an event has the redelivery that sent it again', async () => {
    const { page } = window;
    await window.goTo('/destinations/warehouse');
    await page.getByRole('button', { name: 'Redeliver…' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: /^Send 3 events again$/ }).click();
    await dialog.getByText('Started').waitFor();
    await dialog.getByRole('button', { name: 'Close' }).last().click();
    const jobs = page.getByRole('table', { name: 'Redeliveries' });
    await jobs.getByText('done').waitFor();
    await jobs.getByText('100 %').waitFor();
    await window.goTo('/find?q=A-1001');
    const row = page.getByRole('listitem').filter({ hasText: 'warehouse' });
    await row.getByText(/Sent again by redelivery/).waitFor();
    expect(await row.textContent()).toContain('delivered');
  });
});
