import { Readable } from 'node:stream';

import { readEventTime } from '../../event/stored-event.ts';
import { StartError } from '../../errors.ts';
import { connectGate } from '../gate-client.ts';
import { jsonMembers } from '../track/json-members.ts';
import { runTrack } from '../track/run-track.ts';
import type { ReplayTarget, TargetReport } from './replay-target.ts';
import type { SelectedEvent } from './selection.ts';

const retryForMs = 60_000;
const inFlightMax = 4;
const eventsMax = 5_000;

export interface GateTargetFlags {
  readonly url?: string;
  readonly key?: string;
  readonly config?: string;
}

/**
 * The gate, which validates the events as those of any producer, and takes their source from the write
 * key. Their keys are those of the first time, so that it knows those that it still has.
 */
export function openGateTarget(
  flags: GateTargetFlags,
  env: Readonly<Record<string, string | undefined>>,
  report: TargetReport,
): ReplayTarget {
  const client = connectGate({ ...flags, protocol: 'grpc' }, env);
  return {
    eventsMax,
    async send(events) {
      const { ledger, end } = await runTrack(
        client,
        {
          stream: Readable.from(events.map((one) => Buffer.from(`${lineOf(one)}\n`))),
          bytes: undefined,
        },
        {
          makesKeys: false,
          validateOnly: false,
          historical: true,
          retryForMs,
          inFlightMax,
          rejectedFile: undefined,
          isSingle: true,
        },
      );
      const { accepted, duplicates, rejected, givenUp } = ledger.counts;
      if (end.stopped !== undefined || givenUp > 0) {
        const why = end.stopped ?? `the gate did not answer for ${givenUp} events`;
        throw new StartError(`${why}. Start the same replay again: it goes on.`);
      }
      if (rejected > 0) report.rejected(ledger.firstFaults);
      return { sent: accepted + duplicates, filtered: 0, refused: rejected };
    },
    async close() {
      client[Symbol.dispose]();
    },
  };
}

/** A line as `POST /v1/track` takes it. Texts of JSON are copied, so that numbers keep their digits. */
function lineOf({ payload, event }: SelectedEvent): string {
  const { texts } = jsonMembers(Buffer.from(payload).toString());
  const members = [
    ['event_name', texts.get('eventName')],
    ['idempotency_key', texts.get('idempotencyKey')],
    ['user_id', texts.get('userId')],
    ['anonymous_id', texts.get('anonymousId')],
    ['properties', texts.get('properties')],
    ['context', texts.get('context')],
    ['occurred_at', texts.get('occurredAt') ?? JSON.stringify(readEventTime(event))],
  ];
  const written = members.filter(([, text]) => text !== undefined);
  return `{${written.map(([name, text]) => `"${name}":${text}`).join(',')}}`;
}
