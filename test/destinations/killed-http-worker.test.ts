import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import type { DestinationSettings } from '../../src/destinations/destination.ts';
import { startHttpFarSide, type StandIn } from './http-far-side.ts';
import { startHttpServer } from './http-server.ts';
import { deliverWhileKilled, expectAllArrived, type KilledDestination } from './killed-worker.ts';
import { mixpanelStandIn } from './mixpanel-far-side.ts';
import { posthogStandIn } from './posthog-far-side.ts';
import { segmentStandIn } from './segment-far-side.ts';
import { webhookStandIn } from './webhook-far-side.ts';

/** Settings as a file has them. */
function written(settings: DestinationSettings): KilledDestination['settings'] {
  const given = Object.entries({ ...settings, timeout: '10s' }).filter(
    ([, value]) => value !== null,
  );
  return Object.fromEntries(given) as Record<string, string | number | boolean>;
}

/** Counts as the vendor does: a second copy is the same event. */
async function vendorDestination(type: string, standIn: StandIn): Promise<KilledDestination> {
  const farSide = await startHttpFarSide(standIn);
  onTestFinished(async () => farSide.close());
  const { counted } = standIn;
  return {
    name: type,
    settings: { type, ...written(farSide.settings) },
    arrives: 'exactly once',
    count: () => {
      // What was received is counted, not kept.
      farSide.server.received.length = 0;
      return counted().length;
    },
    ids: counted,
  };
}

/** The module of examples/destination, and the store that it PUTs to. */
async function moduleDestination(): Promise<KilledDestination> {
  const objects = new Set<string>();
  const server = await startHttpServer(({ url }, response) => {
    objects.add(url.slice('/events/'.length));
    server.received.length = 0;
    response.writeHead(204).end();
  });
  onTestFinished(() => server.close());
  const path = fileURLToPath(new URL('../../examples/destination/put-events.ts', import.meta.url));
  const options = { url: `http://127.0.0.1:${server.port}/events` };
  return {
    name: 'module',
    settings: { type: 'module', path, options },
    arrives: 'exactly once',
    count: () => objects.size,
    ids: () => [...objects],
  };
}

test('20,000 events, ten kills of the worker: a receiver that accepts an id once has each event once', async () => {
  const destinations = [
    await vendorDestination('webhook', webhookStandIn()),
    await vendorDestination('segment', segmentStandIn()),
    await vendorDestination('rudderstack', segmentStandIn()),
    await vendorDestination('posthog', posthogStandIn()),
    await vendorDestination('mixpanel', mixpanelStandIn()),
    await moduleDestination(),
  ];
  const run = await deliverWhileKilled(destinations, { events: 20_000, kills: 10 });
  expect(run.ids).toHaveLength(20_000);
  await expectAllArrived(run, destinations);
});
