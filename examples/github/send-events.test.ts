import {
  Code,
  ConnectError,
  createClient,
  createRouterTransport,
  type Client,
} from '@connectrpc/connect';
import { describe, expect, test } from 'vitest';

import type { BatchTrackRequest } from '../../gen/headgate/v1/track_service_pb.ts';
import { TrackService } from '../../gen/headgate/v1/track_service_pb.ts';
import { EventResult_Status as Status } from '../../gen/headgate/v1/event_result_pb.ts';
import { mapPayload } from './map-payload.ts';
import { readDeliveries } from './payloads.ts';
import { reportOf } from './report.ts';
import { isNoGate, sendDefaults, sendEvents } from './send-events.ts';

const events = readDeliveries().slice(0, 250).map(mapPayload);
const options = { ...sendDefaults, backoffMs: 1 };

/** A gate that answers with `verdict`, given the key and the number of earlier requests. */
function gateOf(verdict: (key: string, earlier: number) => Status) {
  const requests: BatchTrackRequest[] = [];
  const transport = createRouterTransport(({ service }) => {
    service(TrackService, {
      batchTrack(request) {
        const earlier = requests.push(request) - 1;
        return {
          results: request.events.map(({ idempotencyKey }, index) => ({
            index,
            idempotencyKey,
            status: verdict(idempotencyKey, earlier),
          })),
        };
      },
    });
  });
  return { client: createClient(TrackService, transport), requests };
}

describe('sendEvents', () => {
  test('sends batches of at most 100 events, in order, each with its own verdict', async () => {
    const { client, requests } = gateOf(() => Status.ACCEPTED);
    const answered = await sendEvents(client, events, options);
    expect(requests.map((request) => request.events.length)).toEqual([100, 100, 50]);
    expect(answered.map(({ result }) => result.idempotencyKey)).toEqual(
      events.map(({ idempotencyKey }) => idempotencyKey),
    );
    expect(reportOf(answered)).toMatchObject({ isClean: true });
  });

  test('sends events with the verdict retry again, alone and under the same key', async () => {
    const late = events[120]!.idempotencyKey;
    const { client, requests } = gateOf((key, earlier) =>
      key === late && earlier < 4 ? Status.RETRY : Status.ACCEPTED,
    );
    const answered = await sendEvents(client, events, options);
    expect(
      requests.slice(3).map((request) => request.events.map((event) => event.idempotencyKey)),
    ).toEqual([[late], [late]]);
    expect(reportOf(answered).isClean).toBe(true);
  });

  test('gives up after attemptsMax attempts, and reports the remaining events', async () => {
    const { client, requests } = gateOf(() => Status.RETRY);
    const answered = await sendEvents(client, events.slice(0, 3), options);
    expect(requests).toHaveLength(options.attemptsMax);
    expect(reportOf(answered)).toMatchObject({ isClean: false });
    expect(reportOf(answered).text).toContain('retry          3');
  });

  test('gives the events of a request that failed temporarily the verdict retry', async () => {
    const { client } = gateOf(() => {
      throw new ConnectError('draining', Code.Unavailable);
    });
    const answered = await sendEvents(client, events.slice(0, 2), options);
    expect(answered.map(({ result }) => [result.status, result.error?.code])).toEqual([
      [Status.RETRY, 'Unavailable'],
      [Status.RETRY, 'Unavailable'],
    ]);
  });

  test('throws at once if a request fails permanently, or no gate answers', async () => {
    const { client } = gateOf(() => {
      throw new ConnectError('no write key', Code.Unauthenticated);
    });
    await expect(sendEvents(client, events, options)).rejects.toThrow('no write key');

    const refused = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
    const absent = new ConnectError('absent', Code.Unavailable, undefined, undefined, refused);
    const withoutGate: Client<typeof TrackService> = {
      track: () => Promise.reject(absent),
      batchTrack: () => Promise.reject(absent),
    };
    await expect(sendEvents(withoutGate, events, options)).rejects.toSatisfy(isNoGate);
  });
});

describe('reportOf', () => {
  test('groups rejected events by reason', async () => {
    const { client } = gateOf((key) =>
      key === events[0]!.idempotencyKey ? Status.DUPLICATE : Status.REJECTED,
    );
    const { text, isClean } = reportOf(await sendEvents(client, events.slice(0, 3), options));
    expect(isClean).toBe(false);
    expect(text).toContain('rejected       2');
    expect(text.match(/no_reason/g)).toHaveLength(
      new Set(events.slice(1, 3).map(({ eventName }) => eventName)).size,
    );
  });
});
