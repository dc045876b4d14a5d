import { mediaTypeOf, reply, type Exchange } from '../../gate/exchange.ts';
import { isSameOrigin } from '../../http/same-site.ts';
import type { Signals } from '../../observability/signals.ts';
import type { Authorize, TokenOwner } from '../access/authorize.ts';
import type { Strangers } from '../access/strangers.ts';
import { consoleHeaders } from './console-headers.ts';
import { sessionCookie, sessionSecretOf } from './session-cookie.ts';
import type { ConsoleSession, Sessions } from './sessions.ts';
import type { RecordSession } from '../audit/session-acts.ts';
import type { SignInCodes } from './sign-in-codes.ts';
import { readSmallBody, smallBodyBytesMax, type SmallBody } from './small-body.ts';

export interface SessionEndpointOptions {
  readonly authorize: Pick<Authorize, 'ownerOfToken'>;
  readonly sessions: Sessions;
  readonly codes: Pick<SignInCodes, 'take'>;
  readonly strangers: Pick<Strangers, 'refuseWrong'>;
  readonly signals: Pick<Signals, 'note' | 'operatorRefused'>;
  readonly addressOf: (call: Exchange['call']) => string;
  /** Records who signed in or out. Never rejects. */
  readonly record: RecordSession;
  /** The port is reached by TLS. */
  readonly isSecure: boolean;
}

export const sessionPath = '/console/session';

/** A refusal, in the form in which Connect answers errors, so that the console reads one form. */
interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

const notSameOrigin: Refusal = {
  status: 403,
  code: 'permission_denied',
  message: 'Only the console itself, in a browser, signs in and out. Programs send their token.',
};
const noSession: Refusal = {
  status: 401,
  code: 'unauthenticated',
  message: 'No one is signed in here, or the session has ended. Sign in.',
};
const wrongSecret: Refusal = {
  status: 401,
  code: 'unauthenticated',
  message:
    'This token or code is not known. A code of a link works once, for ten minutes, and a restart ends ' +
    'it. Use a token: that of an operator, or that of the file admin-token in data_dir.',
};
const metricsOnly: Refusal = {
  status: 403,
  code: 'permission_denied',
  message: 'A token with the role metrics opens /metrics alone. Use the token of another role.',
};
const notSignIn: Refusal = {
  status: 400,
  code: 'invalid_argument',
  message: 'Send {"token": "..."} or {"code": "..."} as application/json.',
};
const refusals: Readonly<Record<Exclude<SmallBody['kind'], 'whole' | 'gone'>, Refusal>> = {
  'too large': {
    status: 413,
    code: 'resource_exhausted',
    message: `The body has more than ${smallBodyBytesMax} bytes.`,
  },
  'too slow': {
    status: 408,
    code: 'deadline_exceeded',
    message: 'The body did not arrive in time.',
  },
};

/** `POST`, `GET` and `DELETE /console/session`: sign in, who is signed in, sign out. */
export function createSessionEndpoint(
  options: SessionEndpointOptions,
): (exchange: Exchange) => void {
  const { sessions } = options;
  return (exchange) => {
    const { method, headers } = exchange.call;
    const secret = sessionSecretOf(headers);
    if (method === 'GET') {
      const session = secret === undefined ? undefined : sessions.find(secret);
      if (session === undefined) refuse(exchange, noSession);
      else sendSession(exchange, session);
    } else if (method !== 'POST' && method !== 'DELETE') {
      refuse(exchange, { status: 405, code: 'unimplemented', message: 'Use POST, GET or DELETE.' });
    } else if (!isSameOrigin(headers)) refuse(exchange, notSameOrigin);
    else if (method === 'DELETE') {
      signOut(exchange, secret, options);
    } else if (mediaTypeOf(exchange) !== 'application/json') refuse(exchange, notSignIn);
    else {
      readSmallBody(exchange.call, (body) => {
        if (body.kind === 'whole') signIn(exchange, body.text, options);
        else if (body.kind !== 'gone') refuse(exchange, refusals[body.kind]);
      });
    }
  };
}

function signOut(
  exchange: Exchange,
  secret: string | undefined,
  { sessions, record, addressOf, isSecure }: SessionEndpointOptions,
): void {
  const { call, correlationId } = exchange;
  const session = secret === undefined ? undefined : sessions.find(secret);
  const confirm = (): void => answer(exchange, 200, {}, sessionCookie(call.headers, '', isSecure));
  if (secret === undefined || session === undefined) {
    confirm();
    return;
  }
  sessions.end(secret);
  const { name, role } = session.owner;
  void record('SignOut', { operator: name, role, address: addressOf(call) }, correlationId).then(
    confirm,
  );
}

function signIn(exchange: Exchange, text: string, options: SessionEndpointOptions): void {
  const { sessions, strangers, signals, isSecure } = options;
  const { call } = exchange;
  const sent = readSignIn(text);
  if (sent === undefined) {
    refuse(exchange, notSignIn);
    return;
  }
  const owner = ownerOf(sent, options);
  if (owner === undefined) {
    strangers.refuseWrong(exchange, () => refuse(exchange, wrongSecret));
    return;
  }
  const address = options.addressOf(call);
  if (owner.role === 'metrics') {
    signals.operatorRefused('role', address);
    refuse(exchange, metricsOnly);
    return;
  }
  call.connection.isKnown = true;
  // The session of before ends: a browser is signed in as one operator.
  const before = sessionSecretOf(call.headers);
  if (before !== undefined) sessions.end(before);
  const { secret, session } = sessions.open(owner);
  const caller = { operator: owner.name, role: owner.role, address };
  signals.note(caller, 'signed in to the console');
  const cookie = sessionCookie(call.headers, secret, isSecure);
  void options
    .record('SignIn', caller, exchange.correlationId)
    .then(() => sendSession(exchange, session, cookie));
}

type SignIn = { readonly token: string } | { readonly code: string };

function ownerOf(
  sent: SignIn,
  { authorize, codes }: SessionEndpointOptions,
): TokenOwner | undefined {
  return 'token' in sent ? authorize.ownerOfToken(sent.token) : codes.take(sent.code);
}

/** Undefined for anything but one of the two. */
function readSignIn(text: string): SignIn | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { token, code } = value as { token?: unknown; code?: unknown };
  if (typeof token === 'string' && code === undefined) return { token };
  return typeof code === 'string' && token === undefined ? { code } : undefined;
}

function sendSession(
  exchange: Exchange,
  { owner, expiresAtMs }: ConsoleSession,
  cookie?: string,
): void {
  const { name, role } = owner;
  const body = { name, role, expires_at: new Date(expiresAtMs).toISOString() };
  answer(exchange, 200, body, cookie);
}

function refuse(exchange: Exchange, { status, code, message }: Refusal): void {
  answer(exchange, status, { code, message });
}

function answer(exchange: Exchange, status: number, body: object, cookie?: string): void {
  const headers = {
    ...consoleHeaders,
    'content-type': 'application/json',
    'cache-control': 'no-store',
    ...(cookie !== undefined && { 'set-cookie': cookie }),
  };
  reply(exchange, status, headers, JSON.stringify(body));
}
