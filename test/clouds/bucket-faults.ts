import { expect, test } from 'vitest';

import type { Destination } from '../../src/destinations/destination.ts';
import { deliverAll, deliveryOfEvent, never } from '../destinations/deliveries.ts';
import type { Relay } from '../destinations/relay.ts';
import { idOf, type ArchiveFarSide } from './archive-far-side.ts';

/** A destination that reaches its bucket by a relay. */
export interface RelayedBucket {
  readonly relay: Relay;
  readonly farSide: ArchiveFarSide;
  readonly destination: Destination;
}

const faults: Record<string, readonly [(relay: Relay) => unknown, (relay: Relay) => unknown]> = {
  refuses: [(relay) => relay.close(), (relay) => relay.listen()],
  stalls: [(relay) => relay.freeze(), (relay) => relay.thaw()],
  'loses answers': [(relay) => relay.loseAnswers(), (relay) => relay.thaw()],
};

/** @param client what the reason of a retry begins with. */
export function testBucketFaults(
  client: string,
  isLong: boolean,
  start: () => Promise<RelayedBucket>,
): void {
  test.each(isLong ? Object.keys(faults) : ['loses answers'])(
    'a bucket that %s: events wait, the reason is named, and each is there once',
    async (fault) => {
      const [begin, end] = faults[fault]!;
      const { relay, farSide, destination } = await start();
      await begin(relay);
      // In the spool, which is durable.
      const first = [deliveryOfEvent(), deliveryOfEvent()];
      expect(await deliverAll(destination, first)).toEqual([
        { kind: 'delivered' },
        { kind: 'delivered' },
      ]);
      const second = deliveryOfEvent({ eventName: 'cart_viewed' });
      const reason = expect.stringContaining(`objects cannot be written: ${client}`);
      // Before another event comes.
      await expect.poll(() => destination.trouble?.(), { timeout: 10_000 }).toEqual(reason);
      const tried = async () => (await destination.deliver([second], never))[0];
      await expect
        .poll(tried, { timeout: 10_000 })
        .toMatchObject({ kind: 'retry', fault: 'destination', reason });
      await end(relay);
      await expect.poll(tried, { timeout: 10_000 }).toEqual({ kind: 'delivered' });
      await farSide.untilUploaded();
      expect(destination.trouble?.()).toBeUndefined();
      const ids = [...first, second].map((delivery) => delivery.event().eventId);
      expect((await farSide.lines()).map(idOf).sort()).toEqual(ids.sort());
    },
  );
}
