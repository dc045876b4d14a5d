import http from 'node:http';
import https from 'node:https';

import { isSocket } from '../config/address.ts';
import type { ListenAddress } from '../config/config.ts';
import { canaryName } from '../event/canary.ts';

/** Longer than any acknowledgement may take; the next heartbeat waits for the previous one. */
const timeoutMs = 65_000;
const shownCharactersMax = 200;

/** Sends one heartbeat. Rejects with the reason if it was not accepted. */
export type SendHeartbeat = (idempotencyKey: string, signal: AbortSignal) => Promise<void>;

export interface HeartbeatTarget {
  /** The address to which the public port is bound. */
  readonly address: ListenAddress;
  /** The certificates that the port may serve now; undefined: no TLS. */
  readonly certificates: (() => Buffer[]) | undefined;
  readonly key: string;
}

/**
 * Sends by HTTP to our own public port, on a new connection each time, like a producer that has
 * just started: whatever stops the events of producers also stops the heartbeat.
 */
export function createSendHeartbeat({
  address,
  certificates,
  key,
}: HeartbeatTarget): SendHeartbeat {
  const options = {
    ...(isSocket(address)
      ? { socketPath: address.socketPath }
      : { host: reachableHost(address.host), port: address.port }),
    method: 'POST',
    path: '/v1/track',
    agent: false,
    timeout: timeoutMs,
    headers: { 'content-type': 'application/json', 'x-write-key': key },
  };
  const request = certificates === undefined ? http.request : https.request;
  return (idempotencyKey, signal) =>
    new Promise((resolve, reject) => {
      // Asked each time: the port follows its files. The file may hold one that is not in force.
      const trust = certificates === undefined ? {} : trustOnly(certificates());
      const call = request({ ...options, ...trust, signal }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => (text += part));
        response.on('error', reject);
        response.on('end', () => {
          if (response.statusCode === 202) resolve();
          else reject(new Error(`${response.statusCode}: ${text.slice(0, shownCharactersMax)}`));
        });
      });
      call.on('timeout', () => call.destroy(new Error(`no answer within ${timeoutMs} ms`)));
      call.on('error', reject);
      const event = {
        event_name: canaryName,
        anonymous_id: canaryName,
        idempotency_key: idempotencyKey,
      };
      call.end(JSON.stringify(event));
    });
}

/** A wildcard address can be bound, but not connected to. */
function reachableHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  return host === '::' ? '::1' : host;
}

/**
 * Trusts only these certificates of the port, whatever their names: only outside
 * clients depend on the name. An expired certificate fails here as it does for them.
 */
function trustOnly(certificates: Buffer[]): https.RequestOptions {
  return {
    ca: certificates,
    allowPartialTrustChain: true,
    checkServerIdentity: () => undefined,
  } as https.RequestOptions;
}
