import { readFileSync } from 'node:fs';
import { createSecureContext, type ConnectionOptions } from 'node:tls';

import { isLoopbackUrl } from '../../config/address.ts';
import type { AdminAccess } from '../../config/read-admin-access.ts';
import { StartError } from '../../errors.ts';

/** How a command connects to the admin port by TLS. */
export type PortTls = Pick<
  ConnectionOptions,
  'ca' | 'cert' | 'key' | 'allowPartialTrustChain' | 'checkServerIdentity'
>;

/**
 * `admin.client` of the configuration. Without a CA there, a port of this machine is trusted by the
 * certificate that it serves, whatever names that has, and any other port by the CAs of the system.
 * Undefined without TLS. Throws a StartError if a file cannot be read or used.
 */
export function portTls(
  url: string,
  { servedCert, client }: Pick<AdminAccess, 'servedCert' | 'client'>,
): PortTls | undefined {
  if (new URL(url).protocol !== 'https:') return undefined;
  const served =
    client.ca === undefined && isLoopbackUrl(url) ? readIfPossible(servedCert) : undefined;
  if ((client.cert === undefined) !== (client.key === undefined)) {
    throw new StartError(
      'admin.client.cert and admin.client.key belong together: set both, or none.',
    );
  }
  const options = {
    ...(client.ca !== undefined && { ca: read(client.ca, 'admin.client.ca') }),
    ...(client.cert !== undefined && { cert: read(client.cert, 'admin.client.cert') }),
    ...(client.key !== undefined && { key: read(client.key, 'admin.client.key') }),
    ...(served !== undefined && {
      ca: served,
      allowPartialTrustChain: true,
      checkServerIdentity: () => undefined,
    }),
  };
  try {
    createSecureContext(options);
  } catch (cause) {
    const text = `The files of admin.client cannot be used (${(cause as Error).message}): fix them, or their settings.`;
    throw new StartError(text, { cause });
  }
  return options;
}

/** What to do about an error of TLS; undefined if it is another one. */
export function tlsAdvice(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (typeof code !== 'string') return undefined;
  // The port may close the connection before its alert is read.
  if (code === 'ECONNRESET') {
    return 'it ended the connection: if it asks for a client certificate, set admin.client.cert to one that it accepts';
  }
  if (/CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE/.test(code)) {
    return 'it asks for a client certificate: set admin.client.cert and admin.client.key';
  }
  if (/UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_(UNKNOWN|EXPIRED|REVOKED)/.test(code)) {
    return 'it does not accept the client certificate of admin.client.cert';
  }
  if (/CERT|SELF_SIGNED|UNABLE_TO_/.test(code)) {
    return `its certificate is not trusted (${code}): set admin.client.ca to the CAs that signed it`;
  }
  return /^ERR_(SSL|TLS)/.test(code) ? `TLS fails (${code})` : undefined;
}

function read(file: string, setting: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code;
    throw new StartError(`${file} cannot be read (${why}): fix ${setting}, or the file.`, {
      cause,
    });
  }
}

function readIfPossible(file: string | undefined): Buffer | undefined {
  try {
    return file === undefined ? undefined : readFileSync(file);
  } catch {
    return undefined;
  }
}
