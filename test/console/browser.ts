import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { chromium, type BrowserContext, type Page } from 'playwright-core';
import { expect } from 'vitest';

import { adminToken } from '../admin-token.ts';
import { findProgram } from '../find-program.ts';

/** Why these tests cannot run here, for a test to print and skip; undefined where they can. */
export function whyNoBrowser(): string | undefined {
  if (findProgram('chromium') !== undefined) return undefined;
  const reason = 'there is no chromium here; sh scripts/install/chromium.sh installs it';
  console.log(`skipped, what needs a browser: ${reason}`);
  return reason;
}

/** For expect.poll: a page on a busy machine. */
export const soon = { timeout: 45_000 };

export interface ConsoleBrowser extends AsyncDisposable {
  /** A window of its own, signed in with the token. Cookies and storage are its own. */
  signIn(token?: string, options?: WindowOptions): Promise<ConsoleWindow>;
  /** One without a session. */
  open(options?: WindowOptions): Promise<ConsoleWindow>;
}

export interface WindowOptions {
  readonly colorScheme?: 'light' | 'dark';
  readonly viewport?: { readonly width: number; readonly height: number };
  /** Default: UTC. */
  readonly timezoneId?: string;
}

export interface ConsoleWindow extends AsyncDisposable {
  readonly page: Page;
  /** Opens a page of the console anew, as a deep link does. */
  goTo(where: string): Promise<void>;
  /** What the browser reported since: refused by the Content-Security-Policy, thrown by a script. */
  readonly troubles: readonly string[];
}

const wide = { width: 1280, height: 800 };

/** Root may not use the sandbox, and a test asks no one outside of this machine. */
const switches = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export async function startBrowser(url: string): Promise<ConsoleBrowser> {
  const profile = mkdtempSync(path.join(tmpdir(), 'headgate-chromium-'));
  const browser = await chromium.launch({
    executablePath: findProgram('chromium')!,
    headless: true,
    args: switches,
    env: { ...process.env, HOME: profile, XDG_CONFIG_HOME: profile, XDG_CACHE_HOME: profile },
  });
  const open = async (options: WindowOptions = {}): Promise<ConsoleWindow> => {
    const context = await browser.newContext({ viewport: wide, timezoneId: 'UTC', ...options });
    context.setDefaultTimeout(45_000);
    return openWindow(context, url);
  };
  return {
    open,
    signIn: async (token = adminToken, options = {}) => {
      const window = await open(options);
      await window.goTo('/');
      await window.page.getByLabel('Operator token').fill(token);
      await window.page.getByRole('button', { name: 'Sign in' }).click();
      await window.page.getByRole('navigation', { name: 'Pages' }).waitFor();
      return window;
    },
    [Symbol.asyncDispose]: async () => {
      await browser.close();
      rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    },
  };
}

async function openWindow(context: BrowserContext, url: string): Promise<ConsoleWindow> {
  const page = await context.newPage();
  const troubles: string[] = [];
  page.on('pageerror', (error) => troubles.push(error.message));
  page.on('console', (message) => {
    // Chromium reports each answer of an error, which the console shows by itself.
    const isAnswer = message.text().startsWith('Failed to load resource');
    if (message.type() === 'error' && !isAnswer) troubles.push(message.text());
  });
  return {
    page,
    troubles,
    goTo: async (where) => {
      await page.goto(url + where, { waitUntil: 'load' });
    },
    [Symbol.asyncDispose]: () => context.close(),
  };
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

interface AxeResults {
  readonly violations: readonly {
    readonly id: string;
    readonly impact: string;
    readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
  }[];
}

/**
 * Expects that axe finds nothing serious on the page. What it finds while colours change from light to dark, or a
 * button becomes usable, is gone a moment later: only what stays counts.
 */
export async function expectAccessible(page: Page): Promise<void> {
  await page.evaluate(axe);
  await expect.poll(() => seriousFindings(page), { ...soon, message: page.url() }).toEqual([]);
}

async function seriousFindings(page: Page): Promise<string[]> {
  const { violations } = await page.evaluate(
    () =>
      (
        globalThis as unknown as { axe: { run: () => Promise<unknown> } }
      ).axe.run() as Promise<AxeResults>,
  );
  const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  return serious.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 200)} ${failureSummary}`),
  );
}
