import type { DestinationSettings, Outcome } from '../destination.ts';
import { createHider, excerpt } from '../http-client/answers.ts';
import { openEndpoint } from '../http-client/endpoint.ts';
import type { OAuthSettings } from './read-settings.ts';

/** Gives the access token of a destination, and gets a new one when it is over. */
export interface AccessToken {
  /** The token, or the outcome of a request that could not be made. Never rejects. */
  get(signal: AbortSignal): Promise<{ readonly token: string } | { readonly outcome: Outcome }>;
  /** The API did not accept the token: the next call gets another one. */
  refused(token: string): void;
  close(): Promise<void>;
}

/** A token is used until shortly before its end, so that it does not end on its way. */
const earlyMs = 30_000;
/** Without `expires_in`. */
const lifetimeDefaultS = 300;
const answerBytesMax = 64 * 1024;

interface Held {
  readonly token: string;
  readonly untilMs: number;
}

/** The client credentials grant of OAuth 2.0: RFC 6749, section 4.4. */
export function openAccessToken(
  name: string,
  settings: DestinationSettings,
  oauth: OAuthSettings,
): AccessToken {
  const { tokenUrl: url, clientId, clientSecret, scope } = oauth;
  const endpoint = openEndpoint(
    name,
    { ...settings, concurrency: 1 },
    {
      url,
      answerBytesMax,
      waitHeaders: ['retry-after'],
    },
  );
  const hide = createHider(url, [clientSecret]);
  let held: Held | undefined;
  let asking: Promise<Held | Outcome> | undefined;

  const ask = async (signal: AbortSignal): Promise<Held | Outcome> => {
    const form = new URLSearchParams({ grant_type: 'client_credentials' });
    if (scope !== undefined) form.set('scope', scope);
    const user = `${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`;
    const reply = await endpoint.post(
      url.pathname + url.search,
      {
        'content-type': 'application/x-www-form-urlencoded',
        accept: 'application/json',
        authorization: `Basic ${Buffer.from(user).toString('base64')}`,
      },
      Buffer.from(form.toString()),
      signal,
    );
    if (reply.kind === 'unanswered') return reply.outcome;
    const { status, text } = reply.answer;
    const found = status >= 200 && status < 300 ? readToken(text) : undefined;
    if (found !== undefined) return found;
    // The body of a 2xx may hold a token in a form that we do not know.
    const said = status >= 400 ? `: ${excerpt(hide(text))}` : '';
    const reason = `oauth_token_url answered ${status} and no access token${said}`;
    return { kind: 'retry', fault: 'destination', reason, status: String(status) };
  };

  return {
    get: async (signal) => {
      if (held !== undefined && performance.now() < held.untilMs) return { token: held.token };
      const result = await (asking ??= ask(signal).finally(() => {
        asking = undefined;
      }));
      if ('kind' in result) return { outcome: result };
      held = result;
      return { token: result.token };
    },
    refused: (token) => {
      if (held?.token === token) held = undefined;
    },
    close: () => endpoint.close(),
  };
}

function readToken(text: string): Held | undefined {
  try {
    const { access_token: token, expires_in: seconds } = JSON.parse(text) as Record<
      string,
      unknown
    >;
    // It becomes part of a header.
    if (typeof token !== 'string' || !/^[\x21-\x7e]{1,8192}$/.test(token)) return undefined;
    const lifetimeMs = (Number(seconds) > 0 ? Number(seconds) : lifetimeDefaultS) * 1_000;
    return { token, untilMs: performance.now() + Math.max(lifetimeMs - earlyMs, lifetimeMs / 2) };
  } catch {
    return undefined;
  }
}
