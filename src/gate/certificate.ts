import type { TlsConfig } from '../config/config.ts';
import { expiryOf, readTlsFiles, type TlsFiles } from '../http/tls-files.ts';

/** The certificate of the public port, and when it expires, in ms since 1970. */
export interface Certificate {
  readonly files: TlsFiles;
  readonly expiresAtMs: number;
}

/** Throws a StartError that says which file cannot be used, and why. */
export function readCertificate(
  config: TlsConfig,
  ...read: [read?: (file: string) => Buffer]
): Certificate {
  const files = readTlsFiles(config, ...read);
  return { files, expiresAtMs: expiryOf(files) };
}
