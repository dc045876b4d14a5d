/// <reference lib="dom" />
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import {
  expectAccessible,
  soon,
  whyNoBrowser,
  type ConsoleBrowser,
  type ConsoleWindow,
} from './browser.ts';
import { invoice, order, writeHourCounts, type ConsoleWorld } from './console-world.ts';
import { openConsole, type OpenConsole } from './open-console.ts';

const pages = [
  ['/', 'Overview'],
  ['/live', 'Live events'],
  ['/live?since=24h', 'Events'],
  ['/contracts', 'Contracts'],
  ['/contracts/order_completed?version=3', 'Contracts / order_completed'],
  ['/contracts/basket_viewed', 'Contracts / basket_viewed'],
  ['/refused', 'Refused'],
  ['/refused?open=1', 'Refused'],
  ['/destinations', 'Destinations'],
  ['/destinations/crm', 'Destinations / crm'],
  ['/dead-letters', 'Dead letters'],
  ['/find?q=user-1', 'Find'],
  ['/find?q=A-1003', 'Find'],
  ['/find?q=nowhere', 'Find'],
  ['/keys', 'Keys and operators'],
  ['/health', 'Health'],
] as const;

describe.skipIf(whyNoBrowser() !== undefined)('pages of the console', () => {
  let open: OpenConsole;
  let world: ConsoleWorld;
  let browser: ConsoleBrowser;
  let window: ConsoleWindow;

  beforeAll(async () => {
    open = await openConsole(async ({ send, real }) => {
      await send('shop', order(1), order(2), order(3, { total: '23' }), invoice(1), invoice(2));
      await send('web', {
        event_name: 'basket_viewed',
        user_id: 'user-1',
        properties: { items: 3 },
      });
      await send('web', order(4, { coupn: 'SPRING' }));
      await writeHourCounts(real);
    });
    ({ world, browser, window } = open);
  });
  afterAll(() => open?.[Symbol.asyncDispose]());

  describe('signing in', () => {
    test('takes no wrong token, and says what to do', async () => {
      await using stranger = await browser.open();
      const { page } = stranger;
      await stranger.goTo('/refused?code=schema_violation');
      await page.getByLabel('Operator token').fill('wrong');
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByRole('alert').getByText('not known').waitFor();
      expect(await page.getByRole('navigation').count()).toBe(0);
    });

    test('by the link of the terminal, once, and without the code in the address', async () => {
      const link = `/refused#code=${world.real.service.makeSignInCode()}`;
      await using first = await browser.open();
      await first.goTo(link);
      await first.page.getByRole('heading', { name: 'Refused', exact: true }).waitFor();
      expect(first.page.url()).toBe(`${world.real.adminUrl}/refused`);
      await using second = await browser.open();
      await second.goTo(link);
      await second.page.getByRole('alert').getByText('works once').waitFor();
    });

    test('ends when the operator signs out, for other pages of the browser too', async () => {
      await using leaving = await browser.signIn();
      await leaving.page.getByRole('button', { name: 'Sign out' }).click();
      await leaving.page.getByLabel('Operator token').waitFor();
      await leaving.goTo('/keys');
      await leaving.page.getByLabel('Operator token').waitFor();
      expect(await leaving.page.getByRole('navigation').count()).toBe(0);
    });
  });

  test.each(pages)('%s is a deep link, and axe finds nothing serious', async (where, title) => {
    const { page } = window;
    await window.goTo(where);
    await page.getByRole('heading', { level: 1, name: title, exact: true }).waitFor();
    await expect.poll(() => page.locator('.loading').count(), soon).toBe(0);
    expect(await page.getByRole('alert').allTextContents()).toEqual([]);
    await expectAccessible(page);
    await page.emulateMedia({ colorScheme: 'dark' });
    await expectAccessible(page);
    await page.emulateMedia({ colorScheme: 'light' });
    expect(window.troubles).toEqual([]);
  });

  test('no page is wider than a phone', async () => {
    const tooWide: string[] = [];
    await using phone = await browser.signIn(undefined, { viewport: { width: 390, height: 844 } });
    for (const [where, title] of pages) {
      await phone.goTo(where);
      await phone.page.getByRole('heading', { level: 1, name: title, exact: true }).waitFor();
      await expect.poll(() => phone.page.locator('.loading').count(), soon).toBe(0);
      const beyond = await phone.page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      if (beyond > 0) tooWide.push(`${where}: ${beyond} pixels`);
    }
    expect(tooWide).toEqual([]);
    await expectAccessible(phone.page);
  });

  test('the first page has the four signals beside last week, and each number leads on', async () => {
    const { page } = window;
    await window.goTo('/');
    const refused = page.getByRole('region', { name: 'Refused', exact: true });
    await refused.getByText('That hour last week').waitFor();
    const hour = Math.floor(Date.now() / 3_600_000) - 1;
    const wanted = hour % 24 > 15 ? 12 + ((hour - 168) % 5) : 2;
    const weekBefore = (card: typeof refused) =>
      card.locator('dl > div').filter({ hasText: 'That hour last week' }).locator('dd');
    expect(await weekBefore(refused).textContent()).toBe(String(wanted));
    const delivered = page.getByRole('region', { name: 'Delivered', exact: true });
    const wave = 1 + Math.sin((((hour - 168) % 24) / 24) * 2 * Math.PI);
    expect(await weekBefore(delivered).textContent()).toBe(String(Math.round(390 * wave) + 7));
    const destinations = page.getByRole('table', { name: 'Destinations' });
    const crm = destinations.getByRole('row', { name: /^crm/ });
    await crm.getByText('parked').waitFor();
    await crm.getByText('503').waitFor();
    await destinations
      .getByRole('row', { name: /^billing/ })
      .getByRole('link', { name: '2' })
      .click();
    await page.getByRole('heading', { level: 1, name: 'Dead letters' }).waitFor();
    expect(new URL(page.url()).search).toBe('?destination=billing');
    await page.goBack();
    await refused.locator('.figure a').click();
    await page.getByRole('heading', { level: 1, name: 'Refused' }).waitFor();
    expect(new URL(page.url()).searchParams.get('since')).toMatch(/:00:00\.000Z$/);
  });

  test('a filter is in the address, and the address is the filter', async () => {
    const { page } = window;
    await window.goTo('/refused');
    await page.getByRole('search', { name: 'Refused events' }).getByLabel('Source').fill('web');
    await page.waitForURL('**/refused?source=web');
    const list = page.getByRole('table', { name: 'Refused events', exact: true });
    await expect.poll(() => list.getByRole('row').count(), soon).toBe(2);
    await list.getByText('coupn is not a known property').waitFor();
    await page.reload();
    await expect.poll(() => list.getByRole('row').count(), soon).toBe(2);
    expect(await page.getByLabel('Source').inputValue()).toBe('web');
  });

  test('find shows the way of an event to each destination, and all events of a person', async () => {
    const { page } = window;
    await window.goTo('/find');
    await page.getByRole('searchbox', { name: /^Find an event by any id/ }).fill('user-1');
    await page.keyboard.press('Enter');
    const card = page.getByRole('region', { name: 'Event order_completed', exact: true });
    await card.getByRole('link', { name: 'crm' }).waitFor();
    const timeline = card.locator('.timeline');
    await timeline.getByText('checked by version 2').waitFor();
    expect(
      await timeline.getByRole('listitem').filter({ hasText: 'warehouse' }).textContent(),
    ).toContain('delivered');
    const crm = timeline.getByRole('listitem').filter({ hasText: 'crm' });
    expect(await crm.textContent()).toMatch(/answered 503/);
    await card.getByRole('link', { name: 'Show it whole' }).click();
    await page
      .getByRole('region', { name: 'The event', exact: true })
      .getByText('"A-1001"')
      .waitFor();
  });

  test('contracts say who sends what, and what another version would have refused', async () => {
    const { page } = window;
    await window.goTo('/contracts');
    const row = page
      .getByRole('table', { name: 'Contracts' })
      .getByRole('row', { name: /order_completed/ });
    expect(await row.textContent()).toContain('shop, web');
    await row.getByRole('link').click();
    await page
      .getByRole('navigation', { name: 'Versions' })
      .getByRole('link', { name: '3' })
      .click();
    await page.getByRole('button', { name: 'Try version 3' }).click();
    const tried = page.getByRole('region', { name: 'Try it' });
    const rules = tried.getByRole('table', { name: 'Broken rules' });
    await rules.getByRole('row', { name: /payment_method/ }).waitFor();
    await page.getByRole('button', { name: 'Activate…' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('set active: 3 at order_completed in taxonomy.yaml').waitFor();
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    await window.goTo('/contracts/basket_viewed');
    await page.getByRole('button', { name: 'Make a contract' }).click();
    await page
      .getByRole('region', { name: 'Schema of basket_viewed' })
      .getByText('"items"')
      .waitFor();
    const saved = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Download the schema' }).click();
    expect((await saved).suggestedFilename()).toBe('1.json');
  });

  test('health has the findings of doctor with their fixes', async () => {
    await window.goTo('/health');
    const findings = window.page.getByRole('table', { name: 'Findings' });
    const row = findings.getByRole('row', { name: /crm is parked/ });
    await expect.poll(() => row.textContent(), soon).toContain('Fix:');
  });

  test('keys work: search, pages, rows, dialogs that keep the focus', async () => {
    const { page } = window;
    await window.goTo('/');
    await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
    await page.keyboard.press('g');
    await page.keyboard.press('r');
    await page.getByRole('heading', { level: 1, name: 'Refused' }).waitFor();
    const list = page.getByRole('table', { name: 'Refused events', exact: true });
    await list.getByRole('link').first().focus();
    const focused = (): Promise<string | null> =>
      page.evaluate(() => document.activeElement?.getAttribute('href') ?? null);
    await expect.poll(focused, soon).toBe('/refused?open=2');
    await page.keyboard.press('j');
    await expect.poll(focused, soon).toBe('/refused?open=1');
    await page.keyboard.press('Enter');
    await page.getByRole('complementary', { name: 'Refused event 1' }).waitFor();
    await page.getByRole('button', { name: 'Discard…' }).press('Enter');
    const dialog = page.getByRole('dialog', { name: 'Discard refused event 1' });
    await dialog.getByLabel(/Reason/).waitFor();
    for (let step = 0; step < 8; step += 1) {
      await page.keyboard.press('Tab');
      const isInside = await page.evaluate(
        () => document.activeElement?.closest('dialog') !== null,
      );
      expect(isInside).toBe(true);
    }
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });
    await expect
      .poll(() => page.evaluate(() => document.activeElement?.textContent), soon)
      .toBe('Discard…');
    await page.keyboard.press('Escape');
    await page.waitForURL('**/refused');
    await page.keyboard.press('/');
    await page.keyboard.type('user-2');
    await page.keyboard.press('Enter');
    await page.waitForURL('**/find?q=user-2');
    await page.getByRole('heading', { name: 'Find' }).click();
    await page.keyboard.press('?');
    await page
      .getByRole('dialog', { name: 'Shortcuts' })
      .getByText('Live events', { exact: true })
      .waitFor();
  });

  test('keys work from the moment at which there is something to see', async () => {
    await using viewer = await browser.signIn(world.viewerToken);
    const { page } = viewer;
    await page.addInitScript(() => {
      const press = (key: string): void =>
        void document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
      // Runs before the browser paints what was added.
      const watch = new MutationObserver(() => {
        if (document.querySelector('h1')?.textContent !== 'Overview') return;
        watch.disconnect();
        press('g');
        press('r');
      });
      watch.observe(document, { childList: true, subtree: true });
    });
    await viewer.goTo('/');
    await page.getByRole('heading', { level: 1, name: 'Refused' }).waitFor();
    expect(new URL(page.url()).pathname).toBe('/refused');
  });

  test('a viewer reads every page and has no act', async () => {
    await using viewer = await browser.signIn(world.viewerToken);
    const acts: string[] = [];
    for (const [where, title] of pages) {
      await viewer.goTo(where);
      await viewer.page.getByRole('heading', { level: 1, name: title, exact: true }).waitFor();
      await expect.poll(() => viewer.page.locator('.loading').count(), soon).toBe(0);
      expect(await viewer.page.getByRole('alert').allTextContents()).toEqual([]);
      // Buttons of acts end with an ellipsis: they open a dialog.
      acts.push(...(await viewer.page.getByRole('button', { name: /…$/ }).allTextContents()));
    }
    expect(acts).toEqual([]);
  });

  // For docs/images: CONSOLE_PICTURES=1.
  test.runIf(process.env['CONSOLE_PICTURES'] === '1')('pictures of the pages', async () => {
    const { page } = window;
    const events = Array.from({ length: 30 }, (_each, number) => order(number + 10));
    await world.send('shop', ...events, order(50, { total: '70' }), order(51, { curency: 'EUR' }));
    const pictures = [
      ['overview', '/'],
      ['live', '/live?since=24h'],
      ['contracts', '/contracts/order_completed?version=3'],
      ['refused', '/refused?open=1'],
      ['destinations', '/destinations/crm'],
      ['dead-letters', '/dead-letters'],
      ['find', '/find?q=A-1001'],
      ['keys', '/keys'],
      ['health', '/health'],
    ] as const;
    for (const [name, where] of pictures) {
      await window.goTo(where);
      await page.getByRole('heading', { level: 1 }).waitFor();
      await expect.poll(() => page.locator('.loading').count(), soon).toBe(0);
      if (name === 'find') await page.locator('.timeline').getByText('warehouse').waitFor();
      await page.screenshot({
        path: `docs/images/console-${name}.png`,
        animations: 'disabled',
        // Below are paths of the machine that takes the picture.
        ...(name === 'health' && { clip: { x: 0, y: 0, width: 1280, height: 294 } }),
      });
    }
  });
});
