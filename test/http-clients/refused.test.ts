import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { ServiceError } from '../../src/errors.ts';
import { hashWriteKey } from '../../src/config/write-key.ts';
import { failureOfError } from '../../src/gate/answer/failure.ts';
import { problem } from '../../src/gate/answer/problem.ts';
import { createExchange } from '../../src/gate/exchange.ts';
import { listen, type Listener } from '../../src/http/listen.ts';
import { httpEngine } from '../http-engine.ts';
import { startRealService, type RealService } from '../real-service.ts';
import {
  build,
  clientPrograms,
  runTrials,
  whyMissing,
  type ClientProgram,
  type Trial,
} from './client-programs.ts';
import { adminToken, refusals, writeKey, type Refusal } from './refusals.ts';

/*
 * A refusal that is sent before the request's body has arrived is read by real clients, every time.
 * `npm test` sends a selection of the requests 5 times each; `npm run test:http-clients` all of them,
 * 20 times each.
 */

const isFull = process.env['HEADGATE_HTTP_CLIENTS'] === 'full';
const runs = isFull ? 20 : 5;
const bodyBytes = 8 * 1024 * 1024;
/** 128 pieces: 1.9 s a body, longer than any answer is under way. */
const slowPauseMs = 15;

const folder = mkdtempSync(path.join(tmpdir(), 'headgate-http-clients-'));
const certificate = { cert: path.join(folder, 'cert.pem'), key: path.join(folder, 'key.pem') };

type Ports = Readonly<Record<Refusal['port'], string>>;

let clear: Ports;
let secure: Ports;
const services: RealService[] = [];
const listeners: Listener[] = [];

function makeCertificate(): void {
  const how =
    '-x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost';
  const names = ['-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost'];
  const files = ['-keyout', certificate.key, '-out', certificate.cert];
  const { status } = spawnSync('openssl', ['req', ...how.split(' '), ...names, ...files]);
  if (status !== 0) throw new Error('openssl makes no certificate here');
}

/** Answers every request as a gate without room for it does. */
async function openBusy(tls: typeof certificate | undefined): Promise<string> {
  const listener = await listen({
    address: { host: '127.0.0.1', port: 0 },
    tls,
    engine: httpEngine,
    handle: (call) => {
      const error = new ServiceError('overloaded', 'No room.', { retryAfterMs: 1000 });
      problem(createExchange(call), failureOfError(error), undefined);
    },
    setting: 'none',
    idleTimeoutMs: 60_000,
    requestTimeoutMs: 30_000,
    connectionsMax: 1000,
  });
  listeners.push(listener);
  return `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${listener.address.port}`;
}

async function openPorts(tls: typeof certificate | undefined): Promise<Ports> {
  const service = await startRealService({
    env: {
      HEADGATE_AUTH: 'keys',
      HEADGATE_ADMIN_TOKEN: adminToken,
      ...(tls !== undefined && { HEADGATE_TLS_CERT: tls.cert, HEADGATE_TLS_KEY: tls.key }),
    },
    yaml: `destinations: {}\nkeys:\n  - { source: refused, hash: "${hashWriteKey(writeKey)}" }\n`,
  });
  services.push(service);
  const scheme = tls === undefined ? 'http' : 'https';
  return {
    gate: service.url.replace('http', scheme),
    admin: service.adminUrl,
    busy: await openBusy(tls),
  };
}

beforeAll(async () => {
  makeCertificate();
  clear = await openPorts(undefined);
  secure = await openPorts(certificate);
});

afterAll(async () => {
  for (const listener of listeners) await listener.close(100);
  for (const service of services) await service[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

/** Every refusal as fast as the client can; the selection slowly, too. */
function trialsOf(program: ClientProgram): Trial[] {
  const trials: Trial[] = [];
  const chosen = refusals.filter(({ isShort }) => isFull || isShort === true);
  for (const ports of [clear, secure]) {
    const isClear = ports === clear;
    for (const http of program.speaks) {
      if (http === '2' && isClear && !program.speaksCleartextHttp2) continue;
      for (const refusal of chosen) {
        if (refusal.port === 'admin' && !isClear) continue;
        if (refusal.headers['expect'] !== undefined && !program.expects) continue;
        for (const chunked of [false, true]) {
          for (const pauseMs of [0, slowPauseMs]) {
            if (pauseMs > 0 && refusal.isShort !== true) continue;
            if (pauseMs > 0 && !isFull && refusal.status !== 401) continue;
            if (pauseMs > 0 && !chunked && !program.isSlowWithLength) continue;
            const { name, method, headers, status } = refusal;
            trials.push({
              id: `${name}, ${isClear ? 'clear' : 'TLS'}, HTTP/${http}, ${chunked ? 'chunked' : 'length'}, ${pauseMs > 0 ? 'slow' : 'fast'}`,
              url: `${ports[refusal.port]}${refusal.path}`,
              http,
              method,
              headers,
              status,
              chunked,
              pauseMs,
              bytes: bodyBytes,
              runs,
            });
          }
        }
      }
    }
  }
  return trials;
}

describe.concurrent(`a refusal before the end of the body (engine: ${httpEngine})`, () => {
  test.each(clientPrograms)(
    `is read $name: ${runs} of ${runs}`,
    { timeout: 30 * 60_000 },
    async (program) => {
      const missing = whyMissing(program);
      if (missing !== undefined) {
        console.log(`http-clients: ${program.name}: skipped: ${missing}`);
        return;
      }
      const own = path.join(folder, program.name.replaceAll(/\W/g, '-'));
      build(program, own);
      copyFileSync(certificate.cert, path.join(own, 'ca.pem'));
      const trials = trialsOf(program);
      const faults = await runTrials(program, own, trials);
      const lost = trials
        .map(({ id }) => {
          const unread = faults.get(id)?.filter((fault) => fault !== '') ?? ['not sent'];
          return unread.length === 0 ? '' : `${id}: ${unread.length} unread: ${unread[0]}`;
        })
        .filter((line) => line !== '');
      const sent = trials.length * runs;
      console.log(`http-clients: ${program.name}: ${sent} requests, ${lost.length} kinds unread`);
      if (lost.length > 0) console.log(lost.join('\n'));
      expect(lost).toEqual([]);
    },
  );
});
