import { isDeepStrictEqual } from 'node:util';

import type { TlsConfig } from '../../config/config.ts';
import { readCertificate } from '../../gate/certificate.ts';
import { fingerprintsOf } from '../../http/certificate-file.ts';
import type { TlsFiles } from '../../http/tls-files.ts';
import type { Signals } from '../../observability/signals.ts';
import { holdMs, type Offer, type Outcome } from './follow-contents.ts';
import { compareEntries, mayBeCut, type Entry } from './may-be-cut.ts';

export interface TakeCertificateOptions {
  readonly tls: TlsConfig;
  readonly signals: Signals;
  readonly onChange: (files: TlsFiles) => void;
}

/** Reads the TLS files, and returns a function that reads them again. Throws a StartError. */
export function createTakeCertificate({ tls, signals, onChange }: TakeCertificateOptions) {
  const first = readCertificate(tls);
  signals.certificateServed(first.expiresAtMs);
  let inForce = first.files;
  const take = (offer: Offer): Outcome => {
    try {
      const { files, expiresAtMs } = readCertificate(tls, offer.contents.bytesOf);
      if (isDeepStrictEqual(files, inForce)) return 'unchanged';
      const chains = [entriesOf(inForce.cert), entriesOf(files.cert)] as const;
      const callers = [entriesOf(inForce.ca), entriesOf(files.ca)] as const;
      const counts = {
        certificate: compareEntries(...chains),
        client_ca: compareEntries(...callers),
      };
      // A renewed certificate is another one, so that only a shorter chain may be cut.
      const isShorter = chains[1].length < chains[0].length;
      if (!offer.mayRemove && (isShorter || mayBeCut(...callers))) {
        signals.reloadHeld('certificate', counts, holdMs);
        return 'held';
      }
      inForce = files;
      signals.reloaded('certificate', counts);
      signals.certificateServed(expiresAtMs);
      onChange(files);
      return 'applied';
    } catch (error) {
      signals.reloadFailed('certificate', error);
      return 'failed';
    }
  };
  return { files: first.files, take };
}

function entriesOf(pem: Buffer | undefined): Entry[] {
  return pem === undefined ? [] : fingerprintsOf(pem).map((id) => ({ id, parts: [] }));
}
