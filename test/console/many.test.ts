/// <reference lib="dom" />
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { soon, whyNoBrowser, type ConsoleWindow } from './browser.ts';
import { order, type ConsoleWorld } from './console-world.ts';
import { openConsole, type OpenConsole } from './open-console.ts';

const rows = 10_000;
const batch = 1_000;

describe.skipIf(whyNoBrowser() !== undefined)('many events', () => {
  let open: OpenConsole;
  let world: ConsoleWorld;
  let window: ConsoleWindow;

  beforeAll(async () => {
    open = await openConsole();
    ({ world, window } = open);
  });
  afterAll(() => open?.[Symbol.asyncDispose]());

  const sendMany = async (make: (number: number) => object, events: number): Promise<void> => {
    for (let sent = 0; sent < events; sent += batch) {
      await world.sendBatch(
        'shop',
        Array.from({ length: batch }, (_each, index) => make(sent + index)),
      );
    }
  };

  test('of a stream are counted, and the page answers meanwhile', async () => {
    const { page } = window;
    await window.goTo('/live');
    await page.getByText('Waiting for events').waitFor();
    await sendMany((number) => order(number), 3_000);
    await page.getByText('Live: 3,000 events', { exact: true }).waitFor();
    const table = page.getByRole('table', { name: 'Live events' });
    expect(await table.getAttribute('aria-rowcount')).toBe('3001');
    expect(await table.locator('tbody tr[data-index]').count()).toBeLessThan(120);
    // The filters answer, also right after the burst.
    await page
      .getByRole('search', { name: 'Events' })
      .getByLabel('Verdict')
      .selectOption('rejected');
    await page.waitForURL('**/live?verdict=rejected');
  });

  test('of a stream beyond its room give way, and every one of them is counted', async () => {
    const { page } = window;
    await window.goTo('/live');
    await page.getByText('Waiting for events').waitFor();
    const numberIn = (text: string, pattern: RegExp): number =>
      Number((pattern.exec(text)?.[1] ?? '0').replaceAll(',', ''));
    const counted = async (): Promise<number> => {
      const text = (await page.locator('.live-state').textContent()) ?? '';
      return numberIn(text, /Live: ([\d,]+) event/) + numberIn(text, /([\d,]+) left out/);
    };
    for (let sent = batch; sent <= 6_000; sent += batch) {
      await sendMany((number) => order(number), batch);
      // What is left out because the page cannot follow is counted, too.
      await expect.poll(counted, soon).toBe(sent);
    }
    await page.getByText('the newest 5,000 are listed').waitFor();
    const table = page.getByRole('table', { name: 'Live events' });
    expect(await table.getAttribute('aria-rowcount')).toBe('5001');
    expect(await table.locator('tbody tr[data-index]').count()).toBeLessThan(120);
    // It answers while it draws.
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.getByText('Paused: 0 events since the pause').waitFor();
  });

  test('10,000 rows scroll, and only those in sight are in the document', async () => {
    const { page } = window;
    await sendMany((number) => order(number), rows - 9_000);
    await window.goTo('/live?since=24h');
    const table = page.getByRole('table', { name: 'Events', exact: true });
    await expect.poll(() => table.getAttribute('aria-rowcount'), soon).toBe(String(rows + 1));
    const drawn = table.locator('tbody tr[data-index]');
    expect(await drawn.count()).toBeLessThan(120);
    await table.getByRole('link').first().focus();
    await page.keyboard.press('End');
    await expect
      .poll(
        () => page.evaluate(() => document.activeElement?.closest('tr')?.dataset['index']),
        soon,
      )
      .toBe(String(rows - 1));
    expect(await drawn.count()).toBeLessThan(120);
    await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight / 2));
    const inSight = (): Promise<number> =>
      page.evaluate(
        () =>
          [...document.querySelectorAll('tr[data-index]')].filter((row) => {
            const { top, bottom } = row.getBoundingClientRect();
            return bottom > 0 && top < innerHeight;
          }).length,
      );
    await expect.poll(inSight, soon).toBeGreaterThan(18);
  });
});
