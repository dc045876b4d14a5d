import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

/** The files of a certificate, in PEM. */
export interface Certificate {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** Makes certificates with openssl, in a folder that the caller deletes. */
export function createCertificates(folder: string) {
  const openssl = (...args: string[]): void =>
    void execFileSync('openssl', args, { stdio: 'ignore', cwd: folder });
  const read = (name: string): Certificate => ({
    cert: readFileSync(path.join(folder, `${name}.pem`)),
    key: readFileSync(path.join(folder, `${name}.key`)),
  });
  return {
    /** Throws if there is no openssl. */
    authority: (name: string): Certificate => {
      const out = ['-keyout', `${name}.key`, '-out', `${name}.pem`];
      openssl('req', '-x509', ...ec, '-days', '2', '-subj', `/CN=${name}`, ...out);
      return read(name);
    },
    /** @param names as in a certificate: `IP:127.0.0.1`. */
    signed: (name: string, by: string, names: string, days = 1): Certificate => {
      const out = ['-keyout', `${name}.key`, '-out', `${name}.csr`];
      openssl('req', ...ec, '-subj', `/CN=${name}`, ...out);
      writeFileSync(path.join(folder, `${name}.ext`), `subjectAltName=${names}`);
      const signer = ['-CA', `${by}.pem`, '-CAkey', `${by}.key`, '-CAcreateserial'];
      const made = ['-extfile', `${name}.ext`, '-out', `${name}.pem`];
      openssl('x509', '-req', '-in', `${name}.csr`, ...signer, '-days', String(days), ...made);
      return read(name);
    },
  };
}
