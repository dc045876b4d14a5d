/// <reference lib="dom" />
import { create, toBinary } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { ReplayDeadLettersResponseSchema } from '../../gen/headgate/v1/dead_letter_service_pb.ts';
import { ListDestinationsResponseSchema } from '../../gen/headgate/v1/destination_service_pb.ts';
import { adminToken } from '../admin-token.ts';
import { askAdmin } from '../ask-admin.ts';
import { soon, whyNoBrowser, type ConsoleWindow } from './browser.ts';
import { invoice, order, type ConsoleWorld } from './console-world.ts';
import { openConsole, type OpenConsole } from './open-console.ts';

/* What a page shows is what an act does: also when it is slow, fails halfway, or the address is odd. */

describe.skipIf(whyNoBrowser() !== undefined)('the console does what it shows', () => {
  let open: OpenConsole;
  let world: ConsoleWorld;
  let window: ConsoleWindow;

  beforeAll(async () => {
    open = await openConsole();
    ({ world, window } = open);
  });
  afterAll(() => open?.[Symbol.asyncDispose]());

  const dialog = () => window.page.getByRole('dialog');
  const press = (name: string | RegExp): Promise<void> =>
    window.page.getByRole('button', { name, exact: typeof name === 'string' }).click();
  const close = (): Promise<void> => dialog().getByRole('button', { name: 'Close' }).last().click();
  const ask = <Answer>(rpc: string, request: object = {}): Promise<Answer> =>
    askAdmin<Answer>(world.real.adminUrl, rpc, request);
  const refused = async (source: string): Promise<number> =>
    (await ask<{ rejected?: object[] }>('RejectedService/ListRejected', { filter: { source } }))
      .rejected?.length ?? 0;
  const dead = async (): Promise<string> =>
    (await ask<{ count?: string }>('DeadLetterService/CountDeadLetters')).count ?? '0';

  test.each(['since=3+days', 'until=tomorrow', 'since=5', 'since=-1h', 'since=99999999999999999d'])(
    'a time that cannot be read is said, and nothing can be done with it: %s',
    async (filter) => {
      await world.send('web', order(1, { coupn: 1 }));
      await window.goTo(`/refused?source=web&${filter}`);
      await window.page
        .getByText(/is not a time/)
        .first()
        .waitFor();
      await press('Discard matching…');
      await dialog()
        .getByText(/is not a time/)
        .waitFor();
      expect(
        await dialog()
          .getByRole('button', { name: /^Discard \d/ })
          .count(),
      ).toBe(0);
      await window.goTo(`/live?${filter}&verdict=rejected`);
      await window.page
        .getByText(/is not a time/)
        .first()
        .waitFor();
    },
  );

  test('times of any length, as commands take them, are times', async () => {
    const { page } = window;
    for (const since of ['90m', '3d', '2w', '2020-01-01T00:00:00Z', '2020-01-01']) {
      await window.goTo(`/refused?source=web&since=${since}`);
      await page.getByRole('table', { name: 'Refused events' }).getByRole('link').first().waitFor();
    }
    await window.goTo('/refused?source=web&until=3d');
    await page.getByText('No refused events here').waitFor();
    expect(window.troubles).toEqual([]);
  });

  test('a discard leaves what was refused after its number was shown', async () => {
    const before = await refused('web');
    await window.goTo('/refused?source=web');
    await press('Discard matching…');
    const confirm = dialog().getByRole('button', { name: `Discard ${before} events` });
    await confirm.waitFor();
    await world.send('web', order(2, { coupn: 1 }));
    await expect.poll(() => refused('web'), soon).toBe(before + 1);
    await dialog()
      .getByLabel(/^Reason/)
      .fill('of a test');
    await confirm.click();
    await dialog().getByText(`${before} events discarded`).waitFor();
    await close();
    expect(await refused('web')).toBe(1);
  });

  test('dead letters are chosen by reason, counted, asked for once, replayed, and in the audit log', async () => {
    const { page } = window;
    world.billing.respond = ({ body }, response) => {
      const hasPlan = body.includes('"plan"');
      response.writeHead(400).end(hasPlan ? 'the plan has ended' : 'plan is missing');
    };
    await world.send('shop', ...[1, 2, 3].map((each) => invoice(each)));
    await world.send('shop', ...[4, 5].map((each) => invoice(each, { plan: 'team' })));
    await expect.poll(dead, soon).toBe('5');
    await window.goTo('/dead-letters');
    await page.getByRole('search', { name: 'Dead letters' }).getByLabel('Reason').fill('HAS ended');
    await page.waitForURL('**/dead-letters?reason=HAS+ended');
    await expect
      .poll(() => page.getByRole('table', { name: 'Dead letters' }).getByRole('link').count(), soon)
      .toBe(2);
    await press('Replay matching…');
    await dialog().getByText('2 dead letters', { exact: true }).waitFor();
    await dialog().getByText('answered 400: the plan has ended').waitFor();
    const taken: string[] = [];
    world.billing.respond = ({ body }, response) => {
      taken.push(String(body));
      response.writeHead(200).end();
    };
    await press('Replay 2 dead letters');
    await dialog().getByText('2 events replayed.').waitFor();
    await close();
    await page.getByText('No dead letters here').waitFor();
    await expect.poll(() => taken.length, soon).toBe(2);
    expect(taken.every((body) => body.includes('"plan":"team"'))).toBe(true);
    expect(await dead()).toBe('3');
    const { entries } = await ask<{ entries: object[] }>('AuditService/ListAudit', {
      action: 'ReplayDeadLetters',
    });
    expect(entries).toMatchObject([
      { operator: 'admin', outcome: 'ok', target: { reason: 'HAS ended' }, eventCount: '2' },
    ]);
  });

  test('a replay and a redelivery leave what came after their number was shown', async () => {
    await window.goTo('/dead-letters');
    await press('Replay matching…');
    const confirm = dialog().getByRole('button', { name: 'Replay 3 dead letters' });
    await confirm.waitFor();
    world.billing.respond = (_request, response) =>
      void response.writeHead(400).end('plan is missing');
    await world.send('shop', invoice(6));
    await expect.poll(dead, soon).toBe('4');
    world.billing.respond = (_request, response) => void response.writeHead(200).end();
    await confirm.click();
    await dialog().getByText('3 events replayed.').waitFor();
    await close();
    expect(await dead()).toBe('1');
    // The next test has three of them again.
    world.billing.respond = (_request, response) =>
      void response.writeHead(400).end('plan is missing');
    await world.send('shop', invoice(7), invoice(9));
    await expect.poll(dead, soon).toBe('3');
    world.billing.respond = (_request, response) => void response.writeHead(200).end();
    await window.goTo('/destinations/warehouse');
    await press('Redeliver…');
    const send = dialog().getByRole('button', { name: /^Send \d+ events? again$/ });
    const [, count] = /Send (\d+)/.exec((await send.textContent()) ?? '')!;
    await world.send('shop', order(71));
    await send.click();
    await dialog().getByText('Started').waitFor();
    await close();
    const newest = async () =>
      (
        await ask<{ redeliveries: { state: string; sent: string }[] }>(
          'RedeliveryService/ListRedeliveries',
        )
      ).redeliveries[0];
    await expect.poll(newest, soon).toMatchObject({ state: 'DONE', sent: count });
  });

  test('a replay that fails halfway says how far it came, and counts again what is left', async () => {
    const { page } = window;
    await window.goTo('/dead-letters');
    await press('Replay matching…');
    await dialog().getByRole('button', { name: 'Replay 3 dead letters' }).waitFor();
    // Two pages: one letter is replayed, then the service is away.
    const first = await ask<{ deadLetters: { id: string }[] }>('DeadLetterService/ListDeadLetters');
    let pages = 0;
    await page.route('**/ReplayDeadLetters', async (route) => {
      pages += 1;
      if (pages > 1) return route.abort();
      await ask('DeadLetterService/ReplayDeadLetter', { id: first.deadLetters[0]!.id });
      return route.fulfill({
        contentType: 'application/proto',
        body: Buffer.from(partOfReplay),
      });
    });
    await press('Replay 3 dead letters');
    await dialog().getByText('The service does not answer').waitFor();
    await dialog().getByText('Done before that: 1 event replayed').waitFor();
    await dialog().getByRole('button', { name: 'Replay 2 dead letters' }).waitFor();
    await page.unroute('**/ReplayDeadLetters');
    await press('Replay 2 dead letters');
    await dialog().getByText('2 events replayed.').waitFor();
    await close();
    expect(await dead()).toBe('0');
  });

  test('Enter right after typing sends nothing that was not counted', async () => {
    const { page } = window;
    await world.send('shop', order(33), order(34));
    await window.goTo('/destinations/warehouse');
    await press('Redeliver…');
    const send = dialog().getByRole('button', { name: /^Send \d+ events? again$/ });
    await send.waitFor();
    await dialog().getByLabel('Person').pressSequentially('user-33');
    await page.keyboard.press('Enter');
    await dialog().getByRole('button', { name: 'Send 1 event again' }).click();
    await dialog().getByText('Started').waitFor();
    await close();
    const { redeliveries } = await ask<{ redeliveries: { selection: object }[] }>(
      'RedeliveryService/ListRedeliveries',
    );
    expect(redeliveries.map(({ selection }) => selection)).toMatchObject([{ user: 'user-33' }]);
  });

  test('answers that take longer than a page waits between two of them are shown', async () => {
    await using slow = await open.browser.signIn();
    await slow.page.route('**/headgate.v1.DestinationService/*', async (route) => {
      await new Promise((resolve) => setTimeout(resolve, 6_000));
      await route.continue().catch(() => {});
    });
    await slow.goTo('/destinations/crm');
    // Two answers one after the other, and a busy machine.
    const late = { timeout: 60_000 };
    await slow.page.getByText('Dead letters', { exact: true }).last().waitFor(late);
    await slow.page.getByRole('heading', { name: 'Last failed attempts' }).waitFor(late);
    expect(slow.troubles).toEqual([]);
  }, 150_000);

  test('another tab that signs in as somebody else changes who this one acts as', async () => {
    await using first = await open.browser.signIn();
    const { page } = first;
    await first.goTo('/destinations/crm');
    await page.getByRole('button', { name: 'Pause…' }).waitFor();
    const second = await page.context().newPage();
    await second.goto(world.real.adminUrl);
    await second.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Operator token').waitFor();
    await second.getByLabel('Operator token').fill(world.viewerToken);
    await second.getByRole('button', { name: 'Sign in' }).click();
    await second.getByText('vera').waitFor();
    await page.getByText('vera').waitFor();
    expect(await page.getByRole('button', { name: 'Pause…' }).count()).toBe(0);
  });

  test('a device whose clock is two days wrong asks for the right hours', async () => {
    await using wrong = await open.browser.open();
    await wrong.page.clock.install({ time: new Date(Date.now() + 2 * 86_400_000) });
    await wrong.goTo('/');
    await wrong.page.clock.resume();
    await wrong.page.getByLabel('Operator token').fill(adminToken);
    await wrong.page.getByRole('button', { name: 'Sign in' }).click();
    await wrong.page.getByRole('navigation', { name: 'Pages' }).waitFor();
    await world.send('web', order(5, { coupn: 1 }));
    await wrong.goTo('/refused?source=web&since=1h');
    await wrong.page
      .getByRole('table', { name: 'Refused events' })
      .getByRole('link')
      .first()
      .waitFor();
    expect(wrong.troubles).toEqual([]);
  });

  test('acts on a dead letter that another tab has settled say so, and the list is right after it', async () => {
    world.billing.respond = (_request, response) =>
      void response.writeHead(400).end('plan is missing');
    await world.send('shop', invoice(8));
    await expect.poll(dead, soon).toBe('1');
    const { page } = window;
    await window.goTo('/dead-letters');
    await page.getByRole('table', { name: 'Dead letters' }).getByRole('link').first().click();
    await press('Discard…');
    const confirm = dialog().getByRole('button', { name: 'Discard 1 event' });
    await dialog()
      .getByLabel(/^Reason/)
      .fill('of a test');
    const { deadLetters } = await ask<{ deadLetters: { id: string }[] }>(
      'DeadLetterService/ListDeadLetters',
    );
    await ask('DeadLetterService/DiscardDeadLetter', {
      id: deadLetters[0]!.id,
      why: 'another tab',
    });
    await confirm.click();
    await dialog().getByRole('alert').waitFor();
    await page.keyboard.press('Escape');
    await page.getByText('No dead letters here').waitFor();
  });

  test('what the log does not have is said, and an address that names no place in it', async () => {
    const { page } = window;
    for (const [where, text] of [
      ['/live?open=a00000000-0000-5000-8000-000000000000@1767225600000', 'The log does not have'],
      ['/live?open=-5', 'The log does not have'],
      ['/live?since=24h&open=r99999999999999999999999', 'The log does not have'],
      ['/refused?open=abc', 'There is no refused event "abc"'],
      ['/refused?open=-1', 'There is no refused event "-1"'],
      ['/refused?open=18446744073709551616', 'There is no refused event "18446744073709551616"'],
      ['/refused?open=18446744073709551615', 'There is no rejected event 18446744073709551615'],
    ] as const) {
      await window.goTo(where);
      await page.getByText(text).waitFor();
    }
    expect(window.troubles).toEqual([]);
  });

  test('a page that cannot show an answer says so, and the others work', async () => {
    await using other = await open.browser.signIn();
    const { page } = other;
    const body = toBinary(
      ListDestinationsResponseSchema,
      create(ListDestinationsResponseSchema, {
        destinations: [{ name: 'crm', oldestWaiting: { seconds: 10n ** 15n } }],
      }),
    );
    await page.route('**/ListDestinations', (route) =>
      route.fulfill({ contentType: 'application/proto', body: Buffer.from(body) }),
    );
    await other.goTo('/destinations');
    await page.getByRole('alert').getByText('This page cannot show').waitFor();
    await page.unroute('**/ListDestinations');
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByRole('table', { name: 'Destinations' }).waitFor();
    expect(await page.getByRole('alert').count()).toBe(0);
  });

  test('names as long as they may be fit a narrow phone', async () => {
    const long = 'x'.repeat(120);
    await world.send('shop', {
      event_name: long,
      user_id: 'y'.repeat(120),
      properties: { [long]: 'z'.repeat(3_000) },
    });
    await using phone = await open.browser.signIn(undefined, {
      viewport: { width: 320, height: 640 },
    });
    const tooWide: string[] = [];
    for (const where of [
      '/',
      '/live?since=24h',
      '/contracts',
      `/contracts/${long}`,
      '/contracts/order_completed',
      '/refused',
      '/refused?open=1',
      '/destinations',
      '/destinations/crm',
      '/dead-letters',
      `/find?q=${'y'.repeat(120)}`,
      '/keys',
      '/health',
    ]) {
      await phone.goTo(where);
      await phone.page.getByRole('heading', { level: 1 }).waitFor();
      await expect.poll(() => phone.page.locator('main .loading').count(), soon).toBe(0);
      // Time passes: the longest words that a time may become.
      await phone.page.evaluate(() => {
        for (const time of document.querySelectorAll('main time')) {
          if (time.textContent.endsWith(' ago')) time.textContent = '23 h 59 min ago';
        }
      });
      const width = await phone.page.evaluate(() => document.documentElement.scrollWidth);
      if (width > 320) tooWide.push(`${where}: ${width}`);
    }
    expect(tooWide).toEqual([]);
  });
});

/** A ReplayDeadLettersResponse of one letter, which is not the last page. */
const partOfReplay = toBinary(
  ReplayDeadLettersResponseSchema,
  create(ReplayDeadLettersResponseSchema, {
    results: [{ id: 'billing:1', sequence: 1n }],
    nextPageToken: 'more',
  }),
);
