import { isDeepStrictEqual } from 'node:util';

import type { TlsConfig } from '../../config/config.ts';
import { readCertificate } from '../../gate/certificate.ts';

import type { GateCredentials } from '../../gate/gate.ts';
import type { Signals } from '../../observability/signals.ts';
import { holdMs, type Offer, type OfferOutcome } from './follow-contents.ts';
import { compareEntries, mayBeCut, type FollowedEntry } from './may-be-cut.ts';

type TlsFiles = NonNullable<GateCredentials['tlsFiles']>;

export interface TakeCertificateOptions {
  readonly tls: TlsConfig;
  readonly signals: Signals;
  readonly onChange: (files: TlsFiles) => void;
}

/** Reads the TLS files, and returns a function that reads them again. Throws a StartError. */
export function createTakeCertificate({ tls, signals, onChange }: TakeCertificateOptions) {
  const first = readCertificate(tls);
  signals.certificateServed(first.expiresAtMs);
  let inForce = first;
  const take = (offer: Offer): OfferOutcome => {
    try {
      const next = readCertificate(tls, offer.contents.bytesOf);
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
        signals.reloadHeld('certificate', counts, holdMs);
        return 'held';
      }
      inForce = next;
      signals.reloaded('certificate', counts);
      signals.certificateServed(next.expiresAtMs);
      onChange(next.files);
      return 'applied';
    } catch (error) {
      signals.reloadFailed('certificate', error);
      return 'failed';
    }
  };
  return { files: first.files, take };
}

function entriesOf(fingerprints: readonly string[]): FollowedEntry[] {
  return fingerprints.map((id) => ({ id, parts: [] }));
}
