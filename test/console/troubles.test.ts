/// <reference lib="dom" />
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

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

  test.each(['/contracts/%E0%A4%A', '/destinations/%', '/contracts/%25', '/nothing/here'])(
    'shows a page for the address %s',
    async (where) => {
      await window.goTo(where);
      await window.page.getByText(/No such event|no destination|There is no such page/).waitFor();
      expect(window.troubles).toEqual([]);
    },
  );

  test('says that the session has ended, does nothing, and keeps the reason', async () => {
    await using other = await open.browser.signIn();
    const { dialog, confirm } = await openDiscard(other);
    await other.page.context().clearCookies();
    await confirm.click();
    await dialog.getByText('You are signed out').waitFor();
    expect(await dialog.getByLabel(/^Reason/).inputValue()).toBe('made by a test');
    expect(await kept()).toBe(2);
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
