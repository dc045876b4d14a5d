import type { TlsConfig } from '../config/config.ts';
import {
  expiryOf,
  fingerprintsOf,
  readTlsFiles,
  type TlsFiles,
  type TlsSettings,
} from '../http/tls-files.ts';

/** The certificate of a port, and when it expires, in ms since 1970. */
export interface Certificate {
  readonly files: TlsFiles;
  readonly expiresAtMs: number;
  /** Those of its chain, in the order of the file. */
  readonly chain: readonly string[];
  /** Those of the CAs of client certificates. */
  readonly callersCas: readonly string[];
}

/** Throws a StartError that says which file cannot be used, and why. */
export function readCertificate(
  config: TlsConfig,
  ...how: [read?: (file: string) => Buffer, settings?: TlsSettings]
): Certificate {
  const files = readTlsFiles(config, ...how);
  return {
    files,
    expiresAtMs: expiryOf(files),
    chain: fingerprintsOf(files.cert),
    callersCas: files.ca === undefined ? [] : fingerprintsOf(files.ca),
  };
}
