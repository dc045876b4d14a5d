import { writeConsole } from '../../scripts/build/console-bundle.ts';
import { startBrowser, whyNoBrowser } from '../../test/console/browser.ts';
import { order, startConsoleWorld, writeHourCounts } from '../../test/console/console-world.ts';
import { median } from '../script/median.ts';
import { numberAfter } from '../script/options.ts';

/*
 * npm run bench:console [-- --rounds 10]
 *
 * How long the first view takes with an empty cache, by the browser's own timings: until something is
 * painted, and until the overview with its numbers is there. Each round is a new profile that signs in
 * by a link. Fails if the median of the overview is above one second.
 */
const rounds = numberAfter('--rounds', 10);
const overviewMsMax = 1_000;

async function measure(): Promise<void> {
  await writeConsole('dist/console');
  await using world = await startConsoleWorld();
  await world.send('shop', ...Array.from({ length: 20 }, (_each, number) => order(number)));
  await writeHourCounts(world.real);
  await using browser = await startBrowser(world.real.adminUrl);
  const painted: number[] = [];
  const shown: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    await using window = await browser.open();
    await window.page.addInitScript(watchOverview);
    await window.goTo(`/#code=${world.real.service.makeSignInCode()}`);
    await window.page.locator('.figure').first().waitFor();
    await window.page.getByRole('table', { name: 'Destinations' }).waitFor();
    shown.push(await window.page.evaluate<number>('globalThis.overviewAtMs'));
    painted.push(
      await window.page.evaluate<number>(
        "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN",
      ),
    );
  }
  console.log(
    `first paint   median ${Math.round(median(painted))} ms   slowest ${Math.round(Math.max(...painted))} ms`,
  );
  console.log(
    `overview      median ${Math.round(median(shown))} ms   slowest ${Math.round(Math.max(...shown))} ms`,
  );
  if (Math.round(median(shown)) > overviewMsMax) {
    console.error(`the overview took more than ${overviewMsMax} ms`);
    process.exitCode = 1;
  }
}

/** Runs in the page: notes when the numbers and the destinations are there. */
const watchOverview = `new MutationObserver((_records, observer) => {
  if (document.querySelector('.figure') === null) return;
  if (document.querySelector('table[aria-label="Destinations"]') === null) return;
  globalThis.overviewAtMs = performance.now();
  observer.disconnect();
}).observe(document, { childList: true, subtree: true });`;

if (whyNoBrowser() === undefined) await measure();
