import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import tls from 'node:tls';

import type { TlsConfig } from '../config/config.ts';
import { StartError } from '../errors.ts';
import { readCertificates } from './certificate-file.ts';

/** The contents of the PEM files of a port, read and compared with each other. */
export interface TlsFiles {
  readonly cert: Buffer;
  readonly key: Buffer;
  /** Undefined: client certificates are not asked for. */
  readonly ca: Buffer | undefined;
}

/**
 * Reads the files with `read`. Throws a StartError if one cannot be read, is no PEM or is cut, or if the
 * key is not that of the certificate.
 */
export function readTlsFiles(
  config: TlsConfig,
  read: (file: string) => Buffer = (file) => readFileSync(file),
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
      `The TLS certificate or key cannot be read: ${why}. Fix tls.cert, tls.key or tls.client_ca; ` +
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
