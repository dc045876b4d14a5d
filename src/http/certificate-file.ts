import { X509Certificate } from 'node:crypto';

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
