import { expect, test } from 'vitest';

import type { Verdict } from '../../event/verdict.ts';
import type { Arrival } from './arrival.ts';
import type { Decision } from './decide-event.ts';
import { storeEvent, type StoreFailure } from './keep-event.ts';

const verdict: Verdict = {
  index: 0,
  idempotencyKey: '0190b5f0-7c4e-7d60-9f0a-2f1d6c1f6a11',
  eventId: 'f377395e-eb16-5917-891f-3640446c4ca3',
  status: 'accepted',
  timestampMs: 1,
  schemaVersion: 2,
  sequence: 0,
  error: undefined,
  warnings: [],
};

/** The verdict on an event that the log does not confirm. */
function verdictAfter(failure: StoreFailure): Promise<Verdict> {
  const request = {
    options: {
      store: (_event: object, callback: (ack: undefined, failure: StoreFailure) => void) =>
        callback(undefined, failure),
      readStored: () => Promise.resolve(undefined),
      signals: { eventPublished: () => {} },
    },
    arrival: { producer: { source: 'shop' } } as Arrival,
    arrivalHeaders: '',
    startedAt: 0,
  };
  const decision = { eventName: 'order_completed', verdict, payload: '{}' } as Decision;
  return new Promise((resolve) => {
    storeEvent(request, decision, (_request, _eventName, final) => resolve(final));
  });
}

test.each([true, false])(
  'an event that the log did not confirm is to be sent again; may be stored: %s',
  async (mayBeStored) => {
    const final = await verdictAfter({ publicText: 'the log is full', mayBeStored });
    expect(final).toMatchObject({ status: 'retry', error: { code: 'not_stored' }, mayBeStored });
    expect(final.error!.message).toContain('the log is full');
  },
);
