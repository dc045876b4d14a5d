import { writeConsole } from '../../scripts/build/console-bundle.ts';
import { startBrowser, type ConsoleBrowser, type ConsoleWindow } from './browser.ts';
import { startConsoleWorld, type ConsoleWorld } from './console-world.ts';

/** The console as it is built now, with a service behind it and a window that is signed in. */
export interface OpenConsole extends AsyncDisposable {
  readonly world: ConsoleWorld;
  readonly browser: ConsoleBrowser;
  readonly window: ConsoleWindow;
}

/** `prepare` sends what the pages show, before the browser starts. */
export async function openConsole(
  prepare: (world: ConsoleWorld) => Promise<void> = async () => {},
): Promise<OpenConsole> {
  await using opening = new AsyncDisposableStack();
  await writeConsole('dist/console');
  const world = opening.use(await startConsoleWorld());
  await prepare(world);
  const browser = opening.use(await startBrowser(world.real.adminUrl));
  const window = await browser.signIn();
  const opened = opening.move();
  return {
    world,
    browser,
    window,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
