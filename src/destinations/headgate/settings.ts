import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { StartError } from '../../errors.ts';
import type { DestinationSettings } from '../destination.ts';

/** The settings of a `headgate` destination, validated. */
export interface FarGateSettings {
  /** Without a path. */
  readonly url: URL;
  readonly key: string;
  /** The first 12 digits of its SHA-256, as `headgate keys list` of the far gate shows it. */
  readonly keyId: string;
  /** Of the CAs to trust, in PEM. Undefined: those of the system. */
  readonly caFile: string | undefined;
  /** What the file has now; if it cannot be read, what it had. */
  readonly readCa: () => Buffer | undefined;
  readonly instance: string;
  readonly timeoutMs: number;
  readonly batchEvents: number;
  readonly batchBytes: number;
  readonly concurrency: number;
}

/** Throws a StartError that names the setting to fix. */
export function readFarGateSettings(name: string, settings: DestinationSettings): FarGateSettings {
  const fail = (setting: string, text: string): never => {
    throw new StartError(`destinations.${name}.${setting}: ${text}`);
  };
  const text = (setting: string): string => String(settings[setting] ?? '');
  const url = URL.canParse(text('url')) ? new URL(text('url')) : fail('url', 'it is not a URL');
  if (url.protocol !== 'https:' && url.protocol !== 'http:') fail('url', 'use http or https');
  if (url.username !== '' || url.password !== '') {
    fail('url', 'take the user and password out; the write key has a setting of its own: key');
  }
  if (url.pathname !== '/' || url.search !== '') {
    fail('url', 'take the path out: RPCs have paths of their own');
  }
  const key = text('key').trim();
  // A header cannot carry other characters, and an error about one would quote the key.
  if (!/^[\x21-\x7e]{1,512}$/.test(key)) fail('key', 'it is not a write key');
  const instance = text('instance');
  if (!/^[A-Za-z0-9._-]{0,64}$/.test(instance)) {
    fail('instance', 'it is not a name: at most 64 of A-Z, a-z, 0-9, dot, _ and -');
  }
  const caFile = text('tls_ca');
  if (caFile !== '' && url.protocol !== 'https:') fail('tls_ca', 'needs a url with https://');
  return {
    url,
    key,
    keyId: createHash('sha256').update(key).digest('hex').slice(0, 12),
    caFile: caFile === '' ? undefined : caFile,
    readCa: caFile === '' ? () => undefined : openCa(caFile, (why) => fail('tls_ca', why)),
    instance,
    timeoutMs: Number(settings['timeout'] ?? 10_000),
    batchEvents: Number(settings['batch_events'] ?? 500),
    batchBytes: Number(settings['batch_bytes'] ?? 2 * 1024 * 1024),
    concurrency: Number(settings['concurrency'] ?? 8),
  };
}

/** The file must hold a certificate at the start, and is read again by each call. */
function openCa(file: string, fail: (why: string) => never): () => Buffer {
  let last: Buffer;
  try {
    last = readFileSync(file);
  } catch (error) {
    return fail(`${file} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  if (!hasCertificate(last)) fail(`${file} has no certificate: write the CA in PEM`);
  return () => {
    try {
      const now = readFileSync(file);
      // One that is being written has none, for a moment.
      if (hasCertificate(now)) last = now;
    } catch {
      // Keep the last one.
    }
    return last;
  };
}

function hasCertificate(pem: Buffer): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}
