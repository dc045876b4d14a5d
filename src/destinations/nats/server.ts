import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';

import { credsAuthenticator, type ConnectionOptions } from '@nats-io/nats-core';

import { StartError } from '../../errors.ts';

/** How to reach a NATS of the operator. Sources of `intake.nats` have the same settings. */
export interface NatsServer {
  readonly servers: readonly string[];
  readonly login: NatsLogin;
  /** Undefined: without TLS, unless the server asks for it. */
  readonly tls: { readonly caFile?: string } | undefined;
}

export type NatsLogin =
  | { readonly kind: 'none' }
  | { readonly kind: 'user'; readonly user: string; readonly password: string }
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'creds'; readonly file: string };

/** Throws a StartError that names the setting. */
type Fail = (setting: string, text: string) => never;

/** Reads `url`, `user`, `password`, `token`, `creds_file` and `tls_ca`. */
export function readNatsServer(
  text: (setting: string) => string | undefined,
  fail: Fail,
): NatsServer {
  const urls = (text('url') ?? '').split(',').map((part) => readServer(part.trim(), fail));
  const isTls = urls.some(({ protocol }) => protocol === 'tls:');
  if (isTls && urls.some(({ protocol }) => protocol !== 'tls:')) {
    fail('url', 'some of the servers are tls:// and some are not: write all of them alike');
  }
  // The client would compare the certificate with "localhost".
  if (isTls && urls.some(({ hostname }) => isIP(hostname.replace(/^\[(.*)\]$/, '$1')) !== 0)) {
    fail('url', 'certificates are checked by name: with tls:// write host names, not addresses');
  }
  const caFile = text('tls_ca');
  if (caFile !== undefined && !isTls) fail('tls_ca', 'needs a url that begins with tls://');
  return {
    servers: urls.map(({ host }) => host),
    login: readLogin(text, fail),
    tls: isTls ? (caFile === undefined ? {} : { caFile }) : undefined,
  };
}

function readServer(part: string, fail: Fail): URL {
  // The text is not quoted: it may hold a password.
  const wrong = 'write nats://host:4222 or tls://host:4222, several with commas between';
  const url = URL.canParse(part) ? new URL(part) : fail('url', wrong);
  if (!['nats:', 'tls:'].includes(url.protocol) || url.hostname === '') fail('url', wrong);
  if (url.username !== '' || url.password !== '') {
    fail('url', 'it has a user or a password in it: set user and password in its place');
  }
  return url;
}

function readLogin(text: (setting: string) => string | undefined, fail: Fail): NatsLogin {
  const [user, password, token, file] = ['user', 'password', 'token', 'creds_file'].map(text);
  if ((user === undefined) !== (password === undefined)) {
    fail('user', 'set user and password together, or neither');
  }
  const given = [user, token, file].filter((one) => one !== undefined);
  if (given.length > 1) fail('user', 'set one of user, token and creds_file');
  if (user !== undefined) return { kind: 'user', user, password: password! };
  if (token !== undefined) return { kind: 'token', token };
  if (file !== undefined) return { kind: 'creds', file };
  return { kind: 'none' };
}

/** Throws a StartError for a file that cannot be read. `files` are by setting, `under` is `destinations.next`. */
export function checkServerFiles(
  under: string,
  files: Readonly<Record<'creds_file' | 'tls_ca', string | undefined>>,
): void {
  for (const [setting, file] of Object.entries(files)) {
    if (file === undefined) continue;
    try {
      readFileSync(file);
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      throw new StartError(`${under}.${setting}: ${file} cannot be read (${code})`, { cause });
    }
  }
}

/** The options of the client. Throws if the file of credentials cannot be read now. */
export function serverOptions({ servers, login, tls }: NatsServer): ConnectionOptions {
  return {
    servers: [...servers],
    ...loginOf(login),
    ...(tls === undefined ? {} : { tls }),
  };
}

function loginOf(login: NatsLogin): ConnectionOptions {
  if (login.kind === 'user') return { user: login.user, pass: login.password };
  if (login.kind === 'token') return { token: login.token };
  if (login.kind === 'creds') {
    return { authenticator: credsAuthenticator(readFileSync(login.file)) };
  }
  return {};
}
