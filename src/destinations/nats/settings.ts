import { isIP } from 'node:net';

import { StartError } from '../../errors.ts';
import { readFormat, type EventFormat } from '../cloudevents/format.ts';
import type { DestinationSettings } from '../destination.ts';
import { parseSubject, type SubjectOf } from './subject.ts';

/** The settings of a `nats` destination, validated. */
export interface NatsSettings {
  readonly servers: readonly string[];
  readonly subjectOf: SubjectOf;
  readonly subject: string;
  readonly stream: string | undefined;
  readonly login: NatsLogin;
  /** Undefined: without TLS, unless the server asks for it. */
  readonly tls: { readonly caFile?: string } | undefined;
  readonly timeoutMs: number;
  readonly batchEvents: number;
  readonly format: EventFormat;
}

export type NatsLogin =
  | { readonly kind: 'none' }
  | { readonly kind: 'user'; readonly user: string; readonly password: string }
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'creds'; readonly file: string };

/** As NATS has it. */
const streamName = /^[^\s.*>/\\]{1,255}$/;

/** Throws a StartError that names the setting to fix. */
export function readNatsSettings(name: string, settings: DestinationSettings): NatsSettings {
  const fail = (setting: string, text: string): never => {
    throw new StartError(`destinations.${name}.${setting}: ${text}`);
  };
  const text = (setting: string): string | undefined => {
    const value = settings[setting];
    return value === null || value === undefined ? undefined : String(value);
  };
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
  const subject = text('subject') ?? '';
  const stream = text('stream');
  if (stream !== undefined && !streamName.test(stream)) {
    fail('stream', 'it is not the name of a stream: no spaces, dots, wildcards or slashes');
  }
  return {
    servers: urls.map(({ host }) => host),
    subject,
    subjectOf: parseSubject(subject, (fault) => fail('subject', fault)),
    stream,
    login: readLogin(text, fail),
    tls: isTls ? (caFile === undefined ? {} : { caFile }) : undefined,
    timeoutMs: Number(settings['timeout'] ?? 10_000),
    batchEvents: Number(settings['batch_events'] ?? 256),
    format: readFormat(name, settings, ['headgate', 'cloudevents', 'cloudevents_binary']),
  };
}

type Fail = (setting: string, text: string) => never;

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
