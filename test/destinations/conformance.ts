import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type {
  Delivery,
  Destination,
  DestinationSettings,
  DestinationType,
  Outcome,
} from '../../src/destinations/destination.ts';
import type { StoredEvent } from '../../src/event/stored-event.ts';
import {
  deliverAll,
  deliveryOf,
  deliveryOfEvent,
  never,
  readAll,
  storedEvent,
} from './deliveries.ts';

/** The other end of a destination in a test: a real one, on this machine. */
export interface FarSide {
  /** Settings under which the destination reaches it; the tests want short timeouts: about 1 s. */
  readonly settings: DestinationSettings;
  /** The ids of the events that it holds, each as often as it counts it. */
  counted(): string[] | Promise<string[]>;
  /** From now on it does not answer, or refuses; an event delivered now is not counted. */
  goDown(): void | Promise<void>;
  comeUp(): void | Promise<void>;
  /** From now on it takes longer than a test waits. */
  stall(): void | Promise<void>;
  unstall(): void | Promise<void>;
  /** An event too large for it where it has such a limit, and what becomes of it. */
  readonly oversize: { readonly propertyBytes: number; readonly outcome: Partial<Outcome> };
  /** With the ability `partial_failure`: an event that it refuses for itself. */
  readonly refused?: {
    readonly overrides: Partial<StoredEvent>;
    readonly outcome: Partial<Outcome>;
  };
  /** With `lost_answer`: from now on it takes what comes and never says so; `unstall` ends it. */
  takeSilently?(): void | Promise<void>;
  /** With `retry_after`: from now on it says to wait so long; `unstall` ends it. */
  throttle?(seconds: number): void | Promise<void>;
  close(): void | Promise<void>;
}

type TestWith = (name: string, run: () => Promise<void>) => void;

/**
 * What not every kind of far side can do. `counts_by_time`: it counts a copy with another time again,
 * and the page of the type says so.
 */
export type Ability = 'partial_failure' | 'lost_answer' | 'retry_after' | 'counts_by_time';

const dayMs = 86_400_000;

function idOf(delivery: Delivery): string {
  return delivery.event().eventId;
}

function kinds(outcomes: readonly Outcome[]): string[] {
  return outcomes.map((outcome) => outcome.kind);
}

/**
 * What the contract in src/destinations/destination.ts promises, tried on one destination type.
 * Each test has its own far side; those that need an ability are there for those that have it.
 */
export function describeDestination(
  type: DestinationType,
  startFarSide: () => Promise<FarSide>,
  abilities: readonly Ability[] = [],
): void {
  describe(`destination type ${type.type}`, () => {
    let farSide: FarSide;
    let destination: Destination;
    const testWith = (ability: Ability): TestWith =>
      abilities.includes(ability) ? test : () => undefined;
    const open = (): Promise<Destination> => type.create('under_test', farSide.settings);

    beforeEach(async () => {
      farSide = await startFarSide();
      destination = await open();
    });
    afterEach(async () => {
      await farSide.unstall();
      await destination.close();
      await farSide.close();
    });
    const expectCounted = async (deliveries: readonly Delivery[]): Promise<void> =>
      expect([...(await farSide.counted())].sort()).toEqual(deliveries.map(idOf).sort());

    test('states limits that a worker can use', () => {
      expect(destination.batchEventsMax).toBeGreaterThanOrEqual(1);
      expect(destination.concurrency).toBeGreaterThanOrEqual(1);
    });

    test('delivers an ordinary batch, one outcome an event', async () => {
      const deliveries = Array.from({ length: 25 }, () => deliveryOfEvent());
      const outcomes = await deliverAll(destination, deliveries);
      expect(kinds(outcomes)).toEqual(deliveries.map(() => 'delivered'));
      await expectCounted(deliveries);
    });

    test('takes as many events in one call as it says', async () => {
      const length = Math.min(destination.batchEventsMax, 1000);
      const deliveries = Array.from({ length }, () => deliveryOfEvent());
      const outcomes = await destination.deliver(deliveries, never);
      expect(outcomes).toHaveLength(length);
      await expectCounted(deliveries);
    });

    test('takes as many calls at once as it says', async () => {
      const batches = Array.from({ length: destination.concurrency }, () => [deliveryOfEvent()]);
      const answers = await Promise.all(batches.map((batch) => destination.deliver(batch, never)));
      expect(answers.map(kinds)).toEqual(batches.map(() => ['delivered']));
      await expectCounted(batches.flat());
    });

    test('answers an empty batch with nothing', async () => {
      expect(await destination.deliver([], never)).toEqual([]);
      await expectCounted([]);
    });

    test('counts an event once that comes again', async () => {
      const delivery = deliveryOfEvent();
      const again = { ...delivery, attempt: 2 };
      expect(kinds(await deliverAll(destination, [delivery, delivery]))).toEqual([
        'delivered',
        'delivered',
      ]);
      expect(kinds(await deliverAll(destination, [again]))).toEqual(['delivered']);
      await expectCounted([delivery]);
    });

    const byTime = abilities.includes('counts_by_time');
    const often = byTime ? 'twice' : 'once';
    test(`counts an event ${often} whose copy is received a day later`, async () => {
      // A day ago by the clock of this process: the far side's own clock does not follow.
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - dayMs });
      const event = { ...storedEvent(), timestamp: new Date().toISOString() };
      const first = deliveryOf(JSON.stringify(event));
      try {
        expect(kinds(await deliverAll(destination, [first]))).toEqual(['delivered']);
        await expectCounted([first]);
      } finally {
        vi.useRealTimers();
      }
      const timestamp = new Date(Date.parse(event.timestamp) + dayMs).toISOString();
      const copy = deliveryOf(JSON.stringify({ ...event, timestamp }));
      // Another event moves what waits, in a destination that writes at intervals.
      const other = deliveryOfEvent({ timestamp });
      expect(kinds(await deliverAll(destination, [other]))).toEqual(['delivered']);
      await expectCounted([first, other]);
      expect(kinds(await deliverAll(destination, [copy]))).toEqual(['delivered']);
      await expectCounted(byTime ? [first, other, copy] : [first, other]);
    });

    test.each(['', 'not json', '{"eventId":', 'null', '[]', '"text"', '{}', '{"eventId":"only"}'])(
      'a payload that is no event (%s) is dead and takes no other down',
      async (payload) => {
        const good = [deliveryOfEvent(), deliveryOfEvent(), deliveryOfEvent()] as const;
        const batch = [good[0], deliveryOf(payload), good[1], deliveryOf(payload), good[2]];
        const outcomes = await deliverAll(destination, batch);
        expect(kinds(outcomes)).toEqual(['delivered', 'dead', 'delivered', 'dead', 'delivered']);
        expect(outcomes[1]).toMatchObject({ reason: expect.stringMatching(/\w+ \w+/) });
        await expectCounted(good);
      },
    );

    test('an oversize event has its own outcome and takes no other down', async () => {
      const { propertyBytes, outcome } = farSide.oversize;
      const large = deliveryOfEvent({ properties: { text: 'x'.repeat(propertyBytes) } });
      const small = deliveryOfEvent();
      const outcomes = await deliverAll(destination, [large, small]);
      expect(outcomes[0]).toMatchObject(outcome);
      expect(outcomes[1]).toEqual({ kind: 'delivered' });
      await expectCounted(outcome.kind === 'delivered' ? [large, small] : [small]);
    });

    test('a far side that is down is at fault itself, and the events arrive later', async () => {
      const deliveries = [deliveryOfEvent(), deliveryOfEvent(), deliveryOfEvent()];
      await farSide.goDown();
      const outcomes = await deliverAll(destination, deliveries);
      for (const outcome of outcomes) {
        expect(outcome).toMatchObject({ kind: 'retry', fault: 'destination' });
      }
      expect(outcomes).toHaveLength(deliveries.length);
      await farSide.comeUp();
      await expectCounted([]);
      expect(kinds(await deliverAll(destination, deliveries))).toEqual(
        deliveries.map(() => 'delivered'),
      );
      await expectCounted(deliveries);
    });

    const testPartialFailure = testWith('partial_failure');
    testPartialFailure('an event refused for itself takes no other down', async () => {
      const { overrides, outcome } = farSide.refused!;
      const good = [deliveryOfEvent(), deliveryOfEvent(), deliveryOfEvent()] as const;
      const [bad, worse] = [deliveryOfEvent(overrides), deliveryOfEvent(overrides)];
      const batch = [good[0], bad, good[1], worse, good[2]];
      const outcomes = await deliverAll(destination, batch);
      expect(kinds([outcomes[0]!, outcomes[2]!, outcomes[4]!])).toEqual(
        good.map(() => 'delivered'),
      );
      for (const index of [1, 3]) expect(outcomes[index]).toMatchObject(outcome);
      expect(await deliverAll(destination, [bad])).toMatchObject([outcome]);
      await expectCounted(good);
    });

    const testLostAnswer = testWith('lost_answer');
    testLostAnswer('events whose answer is lost come again, and are counted once', async () => {
      const deliveries = Array.from({ length: 5 }, () => deliveryOfEvent());
      await farSide.takeSilently!();
      const outcomes = await deliverAll(destination, deliveries);
      for (const outcome of outcomes) {
        expect(outcome).toMatchObject({ kind: 'retry', fault: 'destination' });
      }
      expect(outcomes).toHaveLength(deliveries.length);
      await farSide.unstall();
      const again = deliveries.map((delivery) => ({ ...delivery, attempt: 2 })).toReversed();
      expect(kinds(await deliverAll(destination, again))).toEqual(again.map(() => 'delivered'));
      await expectCounted(deliveries);
    });

    const testRetryAfter = testWith('retry_after');
    testRetryAfter('a far side that says to wait has its wait handed on', async () => {
      const deliveries = [deliveryOfEvent(), deliveryOfEvent(), deliveryOfEvent()];
      await farSide.throttle!(7);
      const outcomes = await deliverAll(destination, deliveries);
      for (const outcome of outcomes) {
        const wait = { kind: 'retry', fault: 'destination', notBeforeMs: 7000 };
        expect(outcome).toMatchObject(wait);
      }
      expect(outcomes).toHaveLength(deliveries.length);
      await expectCounted([]);
      await farSide.unstall();
      expect(kinds(await deliverAll(destination, deliveries))).toEqual(
        deliveries.map(() => 'delivered'),
      );
      await expectCounted(deliveries);
    });

    test('an abort ends the wait for a slow far side, and nothing counts as sent', async () => {
      await farSide.stall();
      const abort = new AbortController();
      const deliveries = [deliveryOfEvent(), deliveryOfEvent()];
      const delivering = deliverAll(destination, deliveries, abort.signal);
      setTimeout(() => abort.abort(), 50);
      const start = performance.now();
      const outcomes = await delivering;
      expect(performance.now() - start).toBeLessThan(500);
      for (const outcome of outcomes) {
        expect(outcome).toMatchObject({ kind: 'retry', fault: 'destination' });
      }
      expect(outcomes).toHaveLength(deliveries.length);
      await farSide.unstall();
      expect(kinds(await deliverAll(destination, deliveries))).toEqual(['delivered', 'delivered']);
      await expectCounted(deliveries);
    });

    test('sends nothing under a signal that is aborted already', async () => {
      const outcomes = await deliverAll(destination, [deliveryOfEvent()], AbortSignal.abort());
      expect(outcomes).toMatchObject([{ kind: 'retry', fault: 'destination' }]);
      await expectCounted([]);
    });

    test('a far side that never answers is given up by the destination itself', async () => {
      await farSide.stall();
      const outcomes = await deliverAll(destination, [deliveryOfEvent()]);
      expect(outcomes).toMatchObject([{ kind: 'retry', fault: 'destination' }]);
    });

    test('close waits for what is under way', async () => {
      const deliveries = Array.from({ length: 25 }, () => deliveryOfEvent());
      const delivering = deliverAll(destination, deliveries);
      await destination.close();
      // Under way or turned away: either is right, so long as the outcome tells which.
      const counted = new Set(await farSide.counted());
      const outcomes = await delivering;
      expect(kinds(outcomes)).toEqual(
        deliveries.map((delivery) => (counted.has(idOf(delivery)) ? 'delivered' : 'retry')),
      );
      expect(kinds(outcomes)).toContain('delivered');
    });

    test('close may be called twice, at once and later', async () => {
      const closings = [destination.close(), destination.close()];
      await expect(Promise.all(closings)).resolves.toEqual([undefined, undefined]);
      await expect(destination.close()).resolves.toBeUndefined();
    });

    test('after close it takes nothing, and says so as an outcome', async () => {
      await destination.close();
      const outcomes = await deliverAll(destination, [deliveryOfEvent()]);
      expect(outcomes).toMatchObject([{ kind: 'retry', fault: 'destination' }]);
      await expectCounted([]);
    });

    test('a destination that can be asked tells what it holds of a window', async () => {
      if (destination.stored === undefined) return;
      const times = ['11:59:59.999', '12:00:00.000', '12:59:59.999', '13:00:00.000'];
      const deliveries = times.map((time) =>
        deliveryOfEvent({ timestamp: `2026-03-01T${time}Z`, eventName: `at_${time.slice(0, 2)}` }),
      );
      const window = { fromMs: Date.UTC(2026, 2, 1, 12), toMs: Date.UTC(2026, 2, 1, 13) };
      expect(await readAll(destination.stored(window))).toEqual([]);
      await deliverAll(destination, deliveries);
      const told = await readAll(destination.stored(window));
      expect(told.sort((a, b) => a.timestamp.localeCompare(b.timestamp))).toEqual(
        deliveries.slice(1, 3).map((delivery) => {
          const { eventId, eventName, timestamp } = delivery.event();
          return { eventId, eventName, timestamp };
        }),
      );
      // To ask for a part and leave is no fault either.
      for await (const { eventName } of destination.stored(window)) {
        expect(eventName).toBe('at_12');
        break;
      }
    });

    test('opened again, it goes on where it was', async () => {
      const before = deliveryOfEvent();
      const after = deliveryOfEvent();
      await deliverAll(destination, [before]);
      await destination.close();
      destination = await open();
      expect(kinds(await deliverAll(destination, [before, after]))).toEqual([
        'delivered',
        'delivered',
      ]);
      await expectCounted([before, after]);
    });
  });
}
