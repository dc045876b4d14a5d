import { isDeepStrictEqual } from 'node:util';

import type { TlsConfig } from '../../config/config.ts';
import { readCertificate } from '../../gate/certificate.ts';

import type { GateCredentials } from '../../gate/gate.ts';
import type { CertificatePort } from '../../observability/reload-metrics.ts';
import type { Signals } from '../../observability/signals.ts';
import { holdMs, type Offer, type OfferOutcome } from './follow-contents.ts';
import { compareEntries, mayBeCut, type FollowedEntry } from './may-be-cut.ts';

type TlsFiles = NonNullable<GateCredentials['tlsFiles']>;

export interface TakeCertificateOptions {
  readonly tls: TlsConfig;
  /** Whose certificate it is: the public port's by default. */
  readonly port?: CertificatePort;
  readonly signals: Signals;
  readonly onChange: (files: TlsFiles) => void;
}

const ofPort = {
  public: { part: 'certificate', settings: 'tls' },
  admin: { part: 'admin_certificate', settings: 'admin.tls' },
} as const;

/** Reads the TLS files, and returns a function that reads them again. Throws a StartError. */
export function createTakeCertificate(options: TakeCertificateOptions) {
  const { tls, port = 'public', signals, onChange } = options;
  const { part, settings } = ofPort[port];
  const first = readCertificate(tls, undefined, settings);
  signals.certificateServed(first.expiresAtMs, port);
  let inForce = first;
  const take = (offer: Offer): OfferOutcome => {
    try {
      const next = readCertificate(tls, offer.contents.bytesOf, settings);
      if (isDeepStrictEqual(next.files, inForce.files)) return 'unchanged';
      const chains = [entriesOf(inForce.chain), entriesOf(next.chain)] as const;
      const callers = [entriesOf(inForce.callersCas), entriesOf(next.callersCas)] as const;
      const counts = {
        certificate: compareEntries(...chains),
        client_ca: compareEntries(...callers),
      };
      // A renewed certificate is another one, so that only a shorter chain may be cut.
      const isShorter = chains[1].length < chains[0].length;
      if (!offer.mayRemove && (isShorter || mayBeCut(...callers))) {
        signals.reloadHeld(part, counts, holdMs);
        return 'held';
      }
      inForce = next;
      signals.reloaded(part, counts);
      signals.certificateServed(next.expiresAtMs, port);
      onChange(next.files);
      return 'applied';
    } catch (error) {
      signals.reloadFailed(part, error);
      return 'failed';
    }
  };
  return { files: first.files, take };
}

function entriesOf(fingerprints: readonly string[]): FollowedEntry[] {
  return fingerprints.map((id) => ({ id, parts: [] }));
}
