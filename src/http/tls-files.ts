import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import tls from 'node:tls';

import type { TlsConfig } from '../config/config.ts';
import { StartError } from '../errors.ts';

/** The contents of the PEM files of a port, read and compared with each other. */
export interface TlsFiles {
  readonly cert: Buffer;
  readonly key: Buffer;
  /** Undefined: client certificates are not asked for. */
  readonly ca: Buffer | undefined;
}

/** `tls` of the public port, or that of the admin port. */
export type TlsSettings = 'tls' | 'admin.tls';

/**
 * Reads the files with `read`. `settings` names those that an error asks to fix. Throws a StartError if one cannot be read, is no PEM or is cut, or if the
 * key is not that of the certificate.
 */
export function readTlsFiles(
  config: TlsConfig,
  read: (file: string) => Buffer = (file) => readFileSync(file),
  settings: TlsSettings = 'tls',
): TlsFiles {
  try {
    const files = {
      cert: read(config.cert),
      key: read(config.key),
      ca: config.clientCa === undefined ? undefined : read(config.clientCa),
    };
    checkCertificates(config.cert, files.cert);
    // Without this, a CA file of no certificates would be taken, and every caller refused.
    if (files.ca !== undefined) checkCertificates(config.clientCa!, files.ca);
    tls.createSecureContext(secureOptions(config, files));
    return files;
  } catch (cause) {
    const why = (cause as Error).message;
    throw new StartError(
      `The TLS certificate or key cannot be read: ${why}. Fix ${settings}.cert, ${settings}.key or ${settings}.client_ca; ` +
        'the key must be that of the first certificate.',
      { cause },
    );
  }
}

function checkCertificates(file: string, pem: Buffer): void {
  try {
    readCertificates(pem);
  } catch (cause) {
    throw new Error(`${file}: ${(cause as Error).message}`, { cause });
  }
}

/** Returns when the first certificate expires, in ms since 1970. */
export function expiryOf({ cert }: TlsFiles): number {
  return Date.parse(new X509Certificate(cert).validTo);
}

export function secureOptions(config: TlsConfig, files: TlsFiles): tls.SecureContextOptions {
  return {
    cert: files.cert,
    key: files.key,
    ...(files.ca !== undefined && { ca: files.ca }),
    minVersion: `TLSv${config.minVersion ?? '1.2'}`,
  };
}

const block = /^-----BEGIN ([A-Z0-9 ]+)-----\r?\n[^]*?^-----END \1-----[ \t]*$/gm;

/**
 * The certificates of a PEM file, in its order. OpenSSL ignores what follows the first one that it
 * cannot read, so that a file that was cut would serve a part of its chain, or trust a part of its CAs.
 *
 * Throws an Error if there is no certificate, if one cannot be read, or if the file is cut.
 */
export function readCertificates(pem: Buffer): X509Certificate[] {
  const certificates: X509Certificate[] = [];
  const rest = pem.toString('latin1').replaceAll(block, (text, label: string) => {
    if (/^(?:X509 |TRUSTED )?CERTIFICATE$/.test(label))
      certificates.push(new X509Certificate(text));
    return '';
  });
  // Comments may stand between certificates. Five dashes begin one, and fewer may at a cut.
  if (/^-----/m.test(rest) || /(?:^|\n)-+$/.test(rest)) {
    throw new Error(`the file is cut after certificate ${certificates.length}`);
  }
  if (certificates.length === 0) throw new Error('the file has no certificate');
  return certificates;
}

/** Identifies the certificates of a PEM file that `readCertificates` has accepted. */
export function fingerprintsOf(pem: Buffer): string[] {
  return readCertificates(pem).map(({ fingerprint256 }) => fingerprint256);
}
