import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { vendorRoutes } from '../../src/gate/route-request.ts';
import { openVendorGate, shopKey, type VendorGate } from './vendor-gate.ts';

/**
 * What an answer says of a rejected event, at every path of the vendors: also where the status is 200,
 * and always when the event is in quarantine already.
 */
let vendorGate: VendorGate;

beforeAll(async () => {
  vendorGate = await openVendorGate();
});

afterAll(async () => {
  await vendorGate[Symbol.asyncDispose]();
});

const json = 'application/json';
/** The user `null` is a placeholder: such an event is `missing_identity`. */
const users = { good: 'u1', bad: 'null' };

const segment = (userId: string) => ({
  type: 'page',
  // The name of a track call.
  event: 'Page Viewed',
  userId,
  messageId: crypto.randomUUID(),
});
const posthog = (user: string) => ({
  event: '$pageview',
  distinct_id: user,
  uuid: crypto.randomUUID(),
});
const mixpanel = (user: string) => ({ event: 'Page Viewed', properties: { distinct_id: user } });
const person = (user: string) => ({ $distinct_id: user, $set: { plan: 'team' } });
const group = (user: string) => ({
  $group_key: 'company',
  ...(user !== users.bad && { $group_id: user }),
  $set: { seats: 3 },
});
const cloudEvent = (user: string) => ({
  specversion: '1.0',
  id: crypto.randomUUID(),
  source: '/s',
  type: 'page.viewed',
  userid: user,
});

interface Form {
  readonly event: (user: string) => object;
  /** Undefined: a request has one event. */
  readonly wrap?: (events: readonly object[]) => object;
  readonly type?: string;
  /** The status if an event is rejected. */
  readonly status: number;
  /** What the answer says of one of two that is rejected, or of a single one. */
  readonly says: object;
}

const inBatch = (events: readonly object[]) => ({ batch: events });
const asList = (events: readonly object[]) => events;
const problem = { code: 'missing_identity' };
const counted = { accepted: 1, rejected: 1 };
const failed = {
  num_records_imported: 1,
  failed_records: [{ index: 1, code: 'missing_identity' }],
};
const mixpanelForm = { wrap: asList, status: 400, says: failed };

const segmentSingle: Form = { event: segment, status: 422, says: problem };
const segmentBatch: Form = {
  event: segment,
  wrap: inBatch,
  status: 200,
  says: { success: false, ...counted },
};
const posthogBatch: Form = {
  event: posthog,
  wrap: inBatch,
  status: 200,
  says: { status: 0, ...counted },
};
const posthogSingle: Form = { event: posthog, status: 200, says: { status: 0, rejected: 1 } };

const isSegmentBatch = (path: string): boolean => /\/(?:batch|b|import)$/.test(path);

const forms: Readonly<Record<string, Form>> = {
  ...Object.fromEntries(
    [...vendorRoutes.keys()]
      .filter((path) => path.startsWith('/v1/segment/'))
      .map((path) => [path, isSegmentBatch(path) ? segmentBatch : segmentSingle]),
  ),
  '/batch/': posthogBatch,
  '/batch': posthogBatch,
  '/capture/': posthogSingle,
  '/capture': posthogSingle,
  '/i/v1/analytics/events': { ...posthogBatch, says: {} },
  '/track': { event: mixpanel, ...mixpanelForm },
  '/import': { event: mixpanel, ...mixpanelForm },
  '/engage': { event: person, ...mixpanelForm },
  '/groups': { event: group, ...mixpanelForm },
  '/v1/cloudevents': {
    event: cloudEvent,
    wrap: asList,
    type: 'application/cloudevents-batch+json',
    status: 207,
    says: counted,
  },
};

async function send(path: string, type: string, body: string) {
  const answer = await fetch(`${vendorGate.gate.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': type, authorization: `Bearer ${shopKey}` },
    body,
  });
  return { status: answer.status, text: await answer.text() };
}

test('every path of the vendors is among these', () => {
  expect(Object.keys(forms).sort()).toEqual([...vendorRoutes.keys()].sort());
});

describe.for(Object.entries(forms))('%s', ([path, { event, wrap, type = json, status, says }]) => {
  test('a rejected event is in quarantine when the answer says so', async () => {
    const before = [(await vendorGate.stored()).length, (await vendorGate.rejected()).length];
    const bad = event(users.bad);
    const body = wrap === undefined ? bad : wrap([event(users.good), bad]);
    const answer = await send(path, type, JSON.stringify(body));
    const kept = (await vendorGate.rejected()).slice(before[1]);
    expect(kept.map(({ code }) => code)).toEqual(['missing_identity']);
    expect(await vendorGate.stored()).toHaveLength(before[0]! + (wrap === undefined ? 0 : 1));
    expect(answer.status).toBe(status);
    expect(answer.text).toContain('missing_identity');
    expect(JSON.parse(answer.text)).toMatchObject(says);
  });

  test('a request that is no JSON is refused as a whole, and not kept', async () => {
    const before = [(await vendorGate.stored()).length, (await vendorGate.rejected()).length];
    const whole = JSON.stringify(wrap === undefined ? event('u1') : wrap([event('u1')]));
    for (const text of [whole.replace(/[\]}]*$/, ''), `${whole}x`, whole.replace('{', '{a,')]) {
      const single = wrap === undefined ? text : text.replace(/^\[\{/, '{"a":[{');
      const { status: refused, text: reason } = await send(path, type, single);
      expect([refused, reason]).toEqual([400, expect.stringContaining('malformed_request')]);
    }
    const after = [(await vendorGate.stored()).length, (await vendorGate.rejected()).length];
    expect(after).toEqual(before);
  });
});
