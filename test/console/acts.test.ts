import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { askAdmin } from '../ask-admin.ts';
import { soon, whyNoBrowser, type ConsoleWindow } from './browser.ts';
import { invoice, order, type ConsoleWorld } from './console-world.ts';
import { openConsole, type OpenConsole } from './open-console.ts';

interface AuditEntry {
  readonly action: string;
  readonly operator: string;
  readonly why?: string;
  readonly outcome?: string;
}

describe.skipIf(whyNoBrowser() !== undefined)('acts of the console', () => {
  let open: OpenConsole;
  let world: ConsoleWorld;
  let window: ConsoleWindow;

  beforeAll(async () => {
    open = await openConsole();
    ({ world, window } = open);
  });
  afterAll(() => open?.[Symbol.asyncDispose]());

  const ask = <Answer>(rpc: string, request: object = {}): Promise<Answer> =>
    askAdmin<Answer>(world.real.adminUrl, rpc, request);
  const dialog = (name: string | RegExp) => window.page.getByRole('dialog', { name });
  const press = (name: string | RegExp): Promise<void> =>
    window.page.getByRole('button', { name, exact: typeof name === 'string' }).click();
  const audited = async (action: string): Promise<AuditEntry[]> =>
    (await ask<{ entries?: AuditEntry[] }>('AuditService/ListAudit', { action })).entries ?? [];

  test('a refused event is fixed with the form of its contract, checked, then stored once', async () => {
    const key = randomUUID();
    const { page } = window;
    await world.send('shop', { ...order(1, { total: '21.50' }), idempotency_key: key });
    await window.goTo('/refused');
    await page.getByRole('table', { name: 'Refused events' }).getByRole('link').first().click();
    await press('Fix…');
    const form = dialog(/^Fix refused event/);
    const total = form.locator('.event-field').filter({ hasText: 'total' });
    await total.getByText('must be of type number, not string').waitFor();
    await press('Check');
    await form.getByRole('alert').getByText('schema_violation').waitFor();
    await press('Change to 21.50');
    await press('Check');
    await form.getByText('Nothing is stored yet').waitFor();
    const before = await ask<{ events?: object[] }>('EventService/Locate', { id: key });
    expect(before.events).toMatchObject([{ rejected: {} }]);
    await press('Store the fixed event');
    await form.getByText('Stored. Destinations get it').waitFor();
    await form.getByRole('button', { name: 'Close' }).last().click();
    const { events } = await ask<{ events: { stored?: { eventName: string } }[] }>(
      'EventService/Locate',
      { id: key },
    );
    expect(events.filter(({ stored }) => stored?.eventName === 'order_completed').length).toBe(1);
    await page.getByText('Replayed', { exact: true }).waitFor();
    const [last] = (await audited('ReplayRejected')).slice(-1);
    expect(last).toMatchObject({ operator: 'admin', outcome: 'ok' });
  });

  test('refused events are discarded with a reason, after their number was shown', async () => {
    const { page } = window;
    await world.send('web', order(2, { coupn: 1 }), order(3, { coupn: 1 }), order(4, { coupn: 1 }));
    await window.goTo('/refused?source=web');
    await press('Replay matching…');
    const replay = dialog(/^Replay all events/);
    await replay.getByText('None of them keeps its contract').waitFor();
    expect(await replay.getByRole('button', { name: /^Replay/ }).count()).toBe(0);
    await replay.getByRole('button', { name: 'Cancel' }).click();
    await press('Discard matching…');
    const discard = dialog(/^Discard all events/);
    const confirm = discard.getByRole('button', { name: 'Discard 3 events' });
    await expect.poll(() => confirm.isDisabled(), soon).toBe(true);
    await discard.getByLabel(/^Reason/).fill('a test of the shop');
    await confirm.click();
    await discard.getByText('3 events discarded').waitFor();
    await discard.getByRole('button', { name: 'Close' }).last().click();
    await page.getByText('No refused events here').waitFor();
    expect((await audited('DiscardRejected')).at(-1)).toMatchObject({
      operator: 'admin',
      why: 'a test of the shop',
    });
  });

  test('a dead letter is fixed and replayed, and another one discarded', async () => {
    const { page } = window;
    await world.send('shop', invoice(1), invoice(2));
    await window.goTo('/dead-letters?destination=billing');
    await expect.poll(() => deadCount(world), soon).toBe('2');
    await page.reload();
    const list = page.getByRole('table', { name: 'Dead letters' });
    await list.getByRole('link').first().click();
    const panel = page.getByRole('complementary', { name: 'Dead letter' });
    await panel.getByText('answered 400: plan is missing').first().waitFor();
    await press('Fix…');
    const form = dialog('Fix this dead letter');
    await form.getByLabel('currency').fill('euro');
    await press('Fix and replay 1 event');
    await form.locator('.event-field.has-wrong').filter({ hasText: 'currency' }).waitFor();
    await form.getByLabel('currency').fill('EUR');
    await form.getByLabel('plan').selectOption({ label: 'team' });
    await press('Fix and replay 1 event');
    await form.waitFor({ state: 'hidden' });
    await expect.poll(() => deadCount(world), soon).toBe('1');
    const taken = world.billing.received.filter(({ body }) => body.includes('"plan":"team"'));
    expect(taken.length).toBe(1);
    await window.goTo('/dead-letters');
    await list.getByRole('link').first().click();
    await press('Discard…');
    const discard = dialog('Discard this dead letter');
    await discard.getByLabel(/^Reason/).fill('paid twice');
    await press('Discard 1 event');
    await discard.getByText('Discarded, with the reason').waitFor();
    await expect.poll(() => deadCount(world), soon).toBe('0');
  });

  test('a destination is paused with a reason, resumed, and gets events again', async () => {
    const { page } = window;
    await window.goTo('/destinations/warehouse');
    await press('Pause…');
    const pause = dialog('Pause warehouse');
    await pause.getByLabel(/^Reason/).fill('it moves to another disk');
    await press('Pause deliveries');
    await pause.getByRole('button', { name: 'Close' }).last().click();
    await page.getByText('it moves to another disk').waitFor();
    await page.getByRole('main').getByText('paused', { exact: true }).waitFor();
    // A worker follows a pause within a second: what it took before is delivered.
    const waiting = page.getByText(/^[1-9]\d* events?$/);
    await expect
      .poll(async () => {
        await world.send('shop', order(5));
        return waiting.count();
      }, soon)
      .toBe(1);
    for (const [where, table] of [
      ['/', 'Destinations'],
      ['/health', 'Findings'],
    ] as const) {
      await window.goTo(where);
      const row = page
        .getByRole('table', { name: table })
        .getByRole('row', { name: /another disk/ });
      await expect.poll(() => row.textContent(), soon).toMatch(/since .* by admin/);
    }
    await window.goTo('/destinations/warehouse');
    await press('Resume…');
    await press('Resume deliveries');
    await dialog('Resume warehouse').getByRole('button', { name: 'Close' }).last().click();
    await page.getByText('0 events', { exact: true }).waitFor();
    await press('Redeliver…');
    const redeliver = dialog('Send events to warehouse again');
    await redeliver.getByLabel('Event', { exact: true }).fill('order_*');
    await redeliver.getByText(/^order_completed \d+$/).waitFor();
    await redeliver.getByRole('button', { name: /^Send \d+ events? again$/ }).click();
    await redeliver.getByText('Started').waitFor();
    await redeliver.getByRole('button', { name: 'Close' }).last().click();
    await page.getByRole('table', { name: 'Redeliveries' }).getByText('done').waitFor();
    expect((await audited('PauseDestination'))[0]).toMatchObject({
      why: 'it moves to another disk',
    });
  });

  test('a key is shown once, works, and is refused after it is revoked', async () => {
    const { page } = window;
    await window.goTo('/keys');
    await press('Create a key…');
    const create = dialog('Create a write key');
    await create.getByLabel(/^Source/).fill('partner');
    await create.getByLabel(/^Events it may send/).fill('order_*');
    await press('Create the key');
    await create.getByText('it is shown once').waitFor();
    const secret = (await create.locator('.secret code').textContent())!;
    await create.getByRole('button', { name: 'Close' }).last().click();
    const row = page
      .getByRole('table', { name: 'Write keys' })
      .getByRole('row', { name: /partner/ });
    await row.waitFor();
    expect(await page.content()).not.toContain(secret);
    const send = async (): Promise<number> => {
      const answer = await fetch(`${world.real.url}/v1/track`, {
        method: 'POST',
        headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
        body: JSON.stringify({ ...order(6), idempotency_key: randomUUID() }),
      });
      await answer.arrayBuffer();
      return answer.status;
    };
    await expect.poll(send, soon).toBe(202);
    await row.getByRole('button', { name: 'Revoke…' }).click();
    await press('Revoke the key of partner');
    await dialog(/^Revoke/)
      .getByText('The key is revoked')
      .waitFor();
    await expect.poll(send, soon).toBe(401);
  });

  test('live events appear, are filtered, and stand still while they are paused', async () => {
    const { page } = window;
    await window.goTo('/live?source=shop');
    await page.getByText('Waiting for events').waitFor();
    await world.send('web', order(7));
    await world.send('shop', order(8), order(9, { total: 'x' }));
    const list = page.getByRole('table', { name: 'Live events' });
    await list.getByRole('row', { name: /refused/ }).waitFor();
    expect(await list.getByRole('row').count()).toBe(3);
    await press('Pause');
    await world.send('shop', order(10));
    await page.getByText('Paused: 1 event since the pause').waitFor();
    expect(await list.getByRole('row').count()).toBe(3);
    await press('Go on');
    await expect.poll(() => list.getByRole('row').count(), soon).toBe(4);
    await list.getByRole('row', { name: /user-8/ }).click();
    const panel = page.getByRole('complementary', { name: 'Event' });
    await panel.getByText('"A-1008"').waitFor();
    // The address alone is enough to see it again.
    await page.reload();
    await panel.getByText('"A-1008"').waitFor();
  });

  test('what an event holds is text wherever it is shown', async () => {
    const { page } = window;
    await world.send('shop', ...hostile.map((text) => hostileEvent(text)));
    for (const where of ['/refused?source=shop', '/live?since=24h', '/', '/contracts']) {
      await window.goTo(where);
      await page.getByRole('heading', { level: 1 }).waitFor();
      await expect.poll(() => page.locator('.loading').count(), soon).toBe(0);
    }
    await window.goTo('/refused?source=shop');
    const list = page.getByRole('table', { name: 'Refused events' });
    for (const text of hostile) {
      await list.getByRole('cell', { name: text, exact: true }).first().click();
      const sent = page.getByRole('region', { name: 'The event as it was sent' });
      await expect.poll(() => sent.textContent(), soon).toContain(JSON.stringify(text));
    }
    await window.goTo(`/find?q=${encodeURIComponent(hostile[0]!)}`);
    await page
      .getByText(/Not found|event/)
      .first()
      .waitFor();
    expect(await page.evaluate(() => 'hit' in globalThis)).toBe(false);
    expect(await page.locator('#page img, #page iframe, #page svg[onload]').count()).toBe(0);
    expect(window.troubles).toEqual([]);
  });
});

async function deadCount({ real }: ConsoleWorld): Promise<string> {
  const answer = await askAdmin<{ count?: string }>(
    real.adminUrl,
    'DeadLetterService/CountDeadLetters',
  );
  return answer.count ?? '0';
}

const hostile = [
  '<script>globalThis.hit=1</script>',
  '<img src=x onerror="globalThis.hit=1">',
  '"><svg onload=globalThis.hit=1>',
  "'><iframe srcdoc='<script>parent.hit=1</script>'>",
  'javascript:globalThis.hit=1//',
  '<a href="javascript:globalThis.hit=1">a</a>',
  '</pre></textarea></title><script>globalThis.hit=1</script>',
  '{{constructor.constructor("globalThis.hit=1")()}}',
  '${globalThis.hit=1}',
  '<style>*{display:none}</style>',
  '<base href="https://evil.example/">',
  '<meta http-equiv="refresh" content="0;url=https://evil.example">',
  '<!-- --><script>globalThis.hit=1<!-- -->',
  '&lt;script&gt;globalThis.hit=1&lt;/script&gt;',
  '\u202egnp.exe <b>bold</b>',
  '<math><mtext><table><mglyph><style><img src onerror=globalThis.hit=1>',
  '__proto__ <i>x</i>',
  '%3Cscript%3Eglobalthis.hit=1%3C/script%3E',
  '<form action=https://evil.example><button>Sign in</button></form>',
  '<object data="data:text/html,<script>globalThis.hit=1</script>">',
];

/** In the name, a property's name and value, and the person: it is refused for its name. */
function hostileEvent(text: string): object {
  return { event_name: text, user_id: text, properties: { [text]: text } };
}
