import type { FarGateSettings } from './settings.ts';

/** Names in a certificate may be many, and another machine wrote them. */
const namesShownMax = 200;

/**
 * Why the TLS of the other gate failed, and how to fix it: `code` is the one of an error of the network.
 * Undefined: it is another fault.
 */
export function tlsFault(
  error: Error,
  code: string,
  { url, caFile }: Pick<FarGateSettings, 'url' | 'caFile'>,
): string | undefined {
  if (url.protocol !== 'https:') return undefined;
  if (code === 'CERT_HAS_EXPIRED') {
    return `its certificate has expired (${code}): renew it there, or set the clock of this machine`;
  }
  if (code === 'CERT_NOT_YET_VALID') {
    return `its certificate is not valid yet (${code}): set the clock of this machine, or replace it there`;
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return (
      `its certificate is for ${namesOf(error)}, not for ${url.hostname} (${code}): write one of these ` +
      'names in the url, or give that gate a certificate with this name'
    );
  }
  if (/^(?:UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_SELF_SIGNED|CERT_SIGNATURE_FAILURE)/.test(code)) {
    const [which, fix] =
      caFile === undefined
        ? [
            'no CA of this system',
            'set tls_ca (headgate relay: --ca) to the file of the CA that did',
          ]
        : [`no CA of ${caFile}`, 'write the CA that did into this file'];
    return `${which} signed its certificate (${code}): ${fix}`;
  }
  if (/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST/.test(code)) {
    return `it does not speak TLS (${code}): correct the port, or write http:// within one machine`;
  }
  if (/CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE/.test(code)) {
    return (
      `it asks for a client certificate (${code}), and this destination has none: set its ` +
      'tls.client_auth to optional'
    );
  }
  return /^(?:CERT_|ERR_SSL|ERR_TLS|INVALID_CA|EPROTO$)/.test(code)
    ? `TLS fails (${code})`
    : undefined;
}

/** As Node has them: `DNS:a.example, IP Address:192.0.2.1`. */
function namesOf(error: Error): string {
  const { cert } = error as Error & { readonly cert?: { readonly subjectaltname?: unknown } };
  const names = String(cert?.subjectaltname ?? '').replaceAll(/[^\x20-\x7e]/g, '?');
  if (names === '') return 'no name';
  return names.length > namesShownMax ? `${names.slice(0, namesShownMax)}...` : names;
}
