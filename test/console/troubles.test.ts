/// <reference lib="dom" />
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { adminToken } from '../admin-token.ts';
import { askAdmin } from '../ask-admin.ts';
import { soon, whyNoBrowser, type ConsoleWindow } from './browser.ts';
import { order, type ConsoleWorld } from './console-world.ts';
import { openConsole, type OpenConsole } from './open-console.ts';

describe.skipIf(whyNoBrowser() !== undefined)('when something goes wrong, the console', () => {
  let open: OpenConsole;
  let world: ConsoleWorld;
  let window: ConsoleWindow;

  beforeAll(async () => {
    open = await openConsole(({ send }) =>
      send('shop', order(1, { total: '21' }), order(2, { total: '22' })),
    );
    ({ world, window } = open);
  });
  afterAll(() => open?.[Symbol.asyncDispose]());

  const kept = async (): Promise<number> =>
    (
      (await askAdmin<{ rejected?: object[] }>(world.real.adminUrl, 'RejectedService/ListRejected'))
        .rejected ?? []
    ).length;
  const openDiscard = async ({ page, goTo }: ConsoleWindow) => {
    await goTo('/refused?open=1');
    await page.getByRole('button', { name: 'Discard…' }).click();
    const dialog = page.getByRole('dialog', { name: 'Discard refused event 1' });
    await dialog.getByLabel(/^Reason/).fill('made by a test');
    const confirm = dialog.getByRole('button', { name: /^Discard/ }).last();
    return { dialog, confirm };
  };

  const signInAgain = async (page: Page): Promise<void> => {
    const again = page.getByRole('dialog', { name: 'Your session has ended' });
    await again.getByLabel('Operator token').fill(adminToken);
    await again.getByRole('button', { name: 'Sign in' }).click();
    await again.waitFor({ state: 'detached' });
  };

  test.each(['/contracts/%E0%A4%A', '/destinations/%', '/contracts/%25', '/nothing/here'])(
    'shows a page for the address %s',
    async (where) => {
      await window.goTo(where);
      await window.page.getByText(/No such event|no destination|There is no such page/).waitFor();
      expect(window.troubles).toEqual([]);
    },
  );

  test('says that the session has ended, does nothing, and goes on after a sign-in there', async () => {
    await using other = await open.browser.signIn();
    const { page } = other;
    const { dialog, confirm } = await openDiscard(other);
    await page.context().clearCookies();
    await confirm.click();
    await signInAgain(page);
    await dialog.getByText('You are signed out').waitFor({ state: 'detached' });
    expect(await dialog.getByLabel(/^Reason/).inputValue()).toBe('made by a test');
    expect(new URL(page.url()).search).toBe('?open=1');
    expect(await confirm.isEnabled()).toBe(true);
    expect(await kept()).toBe(2);
  });

  test('asks nothing while it is signed out, and shows live events again after a sign-in', async () => {
    await using other = await open.browser.signIn();
    const { page } = other;
    await other.goTo('/live?event=order_completed');
    await page.getByText(/^Live: /).waitFor();
    await page.context().clearCookies();
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    // What was answered before goes on: a new filter is a new request.
    await page.getByRole('search').getByLabel('Source').fill('shop');
    await page.getByRole('dialog', { name: 'Your session has ended' }).waitFor();
    const before = asked.length;
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    expect(asked.slice(before)).toEqual([]);
    await signInAgain(page);
    expect(new URL(page.url()).pathname).toBe('/live');
    // What came before it follows again is on no page of live events.
    await page.getByText(/^Live: /).waitFor();
    await world.send('shop', order(9));
    await page.getByRole('table').getByRole('link').first().waitFor();
  });

  test('a dialog of the end of the session that is closed leads to the page to sign in', async () => {
    await using other = await open.browser.signIn();
    const { page } = other;
    await other.goTo('/dead-letters?reason=plan');
    // Signed in and answered: without its cookie before that, the page would be the one to sign in.
    await page.getByText('No dead letters here').waitFor();
    await page.context().clearCookies();
    await page.getByRole('search', { name: 'Dead letters' }).getByLabel('Event').fill('invoice');
    await page.getByRole('dialog', { name: 'Your session has ended' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('heading', { name: 'Headgate' }).waitFor();
    await page.getByLabel('Operator token').fill(adminToken);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Dead letters' }).waitFor();
    expect(new URL(page.url()).searchParams.get('reason')).toBe('plan');
  });

  test('an answer that is older than the last change of the session changes nothing', async () => {
    await using other = await open.browser.signIn();
    const { page } = other;
    let asked = 0;
    let late: Promise<void> | undefined;
    await page.route('**/console/session', (route) => {
      asked += 1;
      if (asked > 1) return route.continue();
      late = new Promise((resolve) => setTimeout(resolve, 1_000)).then(() =>
        route.fulfill({ status: 401, body: '{}' }),
      );
      return late;
    });
    const tab = await page.context().newPage();
    await tab.goto(world.real.adminUrl);
    // Signed out, and in again.
    for (const change of ['1', '2']) {
      await tab.evaluate((value) => localStorage.setItem('session-changed', value), change);
    }
    await expect.poll(() => asked, soon).toBe(2);
    await late;
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await page.getByLabel('Operator token').count()).toBe(0);
    expect(await page.getByRole('navigation', { name: 'Pages' }).count()).toBe(1);
  });

  test('sends no act twice, however often the button is pressed', async () => {
    const { page } = window;
    const sent: string[] = [];
    page.on('request', (request) => {
      if (request.url().endsWith('/DiscardRejected')) sent.push(request.url());
    });
    await page.route('**/DiscardRejected', async (route) => {
      await new Promise((resolve) => setTimeout(resolve, 300));
      await route.continue();
    });
    const { dialog, confirm } = await openDiscard(window);
    const planned = sent.length;
    await confirm.evaluate((button: HTMLButtonElement) => {
      for (let press = 0; press < 5; press += 1) button.click();
    });
    await dialog.getByRole('status').getByText('Discarded').waitFor();
    expect(sent.length - planned).toBe(1);
    await page.unroute('**/DiscardRejected');
    expect(await kept()).toBe(1);
  });

  test('says that the service does not answer, and goes on when it does', async () => {
    const { page } = window;
    await page.route('**/headgate.v1.*/*', (route) => route.abort());
    await window.goTo('/destinations');
    await page.getByText('The service does not answer').first().waitFor();
    await page.unroute('**/headgate.v1.*/*');
    await page.getByRole('table', { name: 'Destinations' }).waitFor();
    await expect.poll(() => page.getByRole('alert').count(), soon).toBe(0);
  });
});
