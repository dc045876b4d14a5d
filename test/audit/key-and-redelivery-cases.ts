import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { expect } from 'vitest';

import { KeyService } from '../../gen/headgate/v1/key_service_pb.ts';
import { RedeliveryService } from '../../gen/headgate/v1/redelivery_service_pb.ts';
import type { RealService } from '../real-service.ts';
import { connect } from './audit-rig.ts';

/** A call of an RPC, and the entry that it leaves. */
export interface Case {
  /** What is called, once. */
  readonly call: () => Promise<unknown>;
  /** Undefined: it leaves no entry. */
  readonly entry: object | undefined;
}

export const fail = (code: string, more: object = {}) => ({ outcome: code, counts: {}, ...more });

/** A call that leaves no entry. */
export const silent = (call: () => Promise<unknown>): Case => ({ call, entry: undefined });

/** What no entry may have; `secrets` gets the keys that are made. */
interface Hidden {
  readonly person: string;
  readonly secretText: string;
  readonly secrets: string[];
}

/** The cases of write keys and of redeliveries. */
export function keyAndRedeliveryCases(
  real: () => RealService,
  { person, secretText, secrets }: Hidden,
): Readonly<Record<string, readonly Case[]>> {
  const writeKeys = () => connect(real(), KeyService);
  const redeliveries = () => connect(real(), RedeliveryService);
  const made: string[] = [];
  const keyId = expect.stringMatching(/^[0-9a-f]{12}$/) as string;
  const time = expect.stringMatching(/^\d{4}-.*Z$/) as string;
  const limited = { events_per_second: '50', burst: '50', bytes_per_day: '20000000' };
  return {
    'headgate.v1.KeyService/ListKeys': [silent(() => writeKeys().listKeys({}))],
    'headgate.v1.KeyService/CreateKey': [
      {
        call: async () => {
          const { secret } = await writeKeys().createKey({ source: 'shop', events: ['order_*'] });
          secrets.push(secret);
        },
        entry: {
          kind: 'act',
          target: { source: 'shop', event_names: 'order_*', key: keyId },
          counts: { created: 1 },
          outcome: 'ok',
        },
      },
      {
        call: async () => {
          const asked = { source: 'fra', relaySources: ['shop-*', 'crm'] };
          secrets.push((await writeKeys().createKey(asked)).secret);
        },
        entry: { target: { source: 'fra', relay_sources: 'shop-* crm', key: keyId } },
      },
      {
        call: async () => {
          const lifetime = durationFromMs(86_400_000);
          const limits = { eventsPerSecond: 50, bytesPerDay: 20_000_000n };
          const { secret, key } = await writeKeys().createKey({ source: 'crm', lifetime, limits });
          secrets.push(secret);
          made.push(key!.id);
        },
        entry: {
          target: { source: 'crm', key: keyId, lifetime: '86400s', expires: time, ...limited },
        },
      },
      {
        call: () => writeKeys().createKey({ source: 'crm', lifetime: durationFromMs(1) }),
        entry: fail('invalid_request', { target: { source: 'crm', lifetime: '0.001s' } }),
      },
      {
        // A key in the wrong place.
        call: () =>
          writeKeys().createKey({ source: `hg_A${secretText}`, events: [`hg_A${secretText}`] }),
        entry: fail('invalid_request', {
          kind: 'act',
          target: { source: 'not a name', event_names: 'not a name' },
        }),
      },
    ],
    'headgate.v1.KeyService/RotateKey': [
      {
        call: async () => {
          const overlap = durationFromMs(60_000);
          const { secret } = await writeKeys().rotateKey({ id: made[0]!, overlap });
          secrets.push(secret);
        },
        entry: {
          target: {
            key: keyId,
            overlap: '60s',
            new_key: keyId,
            source: 'crm',
            expires: time,
            key_ends: time,
            ...limited,
          },
          counts: { created: 1 },
        },
      },
      {
        call: () => writeKeys().rotateKey({ id: '0123456789ab' }),
        entry: fail('key_not_found', { kind: 'act', target: { key: '0123456789ab' } }),
      },
    ],
    'headgate.v1.KeyService/RevokeKey': [
      {
        call: () => writeKeys().revokeKey({ id: made[0]! }),
        entry: {
          target: { key: keyId, source: 'crm', expires: time, ...limited },
          counts: { revoked: 1 },
        },
      },
      {
        call: () => writeKeys().revokeKey({ id: secretText }),
        entry: fail('invalid_request', { kind: 'act', target: { key: 'not an id' } }),
      },
    ],
    'headgate.v1.RedeliveryService/CountRedelivery': [
      silent(() => redeliveries().countRedelivery({ selection: { destination: 'crm' } })),
    ],
    'headgate.v1.RedeliveryService/ListRedeliveries': [
      silent(() => redeliveries().listRedeliveries({})),
    ],
    'headgate.v1.RedeliveryService/StartRedelivery': [
      {
        call: () =>
          redeliveries().startRedelivery({
            selection: { destination: 'gone', source: 'shop', user: person },
            rate: 10,
          }),
        entry: fail('destination_not_found', {
          kind: 'act',
          target: { destination: 'gone', source: 'shop', of_a_person: 'true', rate: '10' },
        }),
      },
    ],
    'headgate.v1.RedeliveryService/PauseRedelivery': [
      {
        call: () => redeliveries().pauseRedelivery({ id: 'r-1' }),
        entry: fail('redelivery_not_found', { kind: 'act', target: { redelivery: 'r-1' } }),
      },
    ],
    'headgate.v1.RedeliveryService/ResumeRedelivery': [
      {
        call: () => redeliveries().resumeRedelivery({ id: 'r-1' }),
        entry: fail('redelivery_not_found', { kind: 'act', target: { redelivery: 'r-1' } }),
      },
    ],
    'headgate.v1.RedeliveryService/CancelRedelivery': [
      {
        call: () => redeliveries().cancelRedelivery({ id: 'r-1' }),
        entry: fail('redelivery_not_found', { kind: 'act', target: { redelivery: 'r-1' } }),
      },
    ],
  };
}
