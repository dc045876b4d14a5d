import { createHmac, createSecretKey, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

import type { WebhookSource } from '../../config/webhook-source.ts';
import { ServiceError } from '../../errors.ts';

/** What is verified: the bytes as they came, never what they parse to. */
export interface SignedWebhook {
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface WebhookVerifier {
  /** Throws a ServiceError `invalid_signature` where the headers have no signature at all. */
  check(headers: IncomingHttpHeaders): void;
  /** Throws a ServiceError `invalid_signature`, else `stale_webhook`. */
  verify(webhook: SignedWebhook, nowMs: number): void;
}

/** What a provider's headers say that it signed, and how. */
interface Claim {
  /** What was signed besides the body, before it. */
  readonly head: string;
  /** Any of these may be it. */
  readonly signatures: readonly Buffer[];
  /** When it was signed. Undefined if the sender does not say. */
  readonly signedAtMs: number | undefined;
}

interface Scheme {
  readonly algorithm: string;
  readonly keyOf: (secret: string) => Buffer;
  readonly claim: (headers: IncomingHttpHeaders) => Claim;
}

/** A sender that changes its key sends two; more is somebody who tries. */
const signaturesMax = 16;

export function createWebhookVerifier(source: WebhookSource): WebhookVerifier {
  const scheme = schemeOf(source);
  // A key that is made for each request costs five times the signature.
  const keys = source.secrets.map((secret) => createSecretKey(scheme.keyOf(secret)));
  const verify: WebhookVerifier['verify'] = ({ headers, body }, nowMs) => {
    const { head, signatures, signedAtMs } = scheme.claim(headers);
    const mayBe = signatures.slice(0, signaturesMax);
    let matches = false;
    // Compare each one, whatever came before: the time taken must not show which one matched.
    for (const key of keys) {
      const wanted = createHmac(scheme.algorithm, key).update(head).update(body).digest();
      for (const signature of mayBe) {
        if (signature.length === wanted.length && timingSafeEqual(signature, wanted))
          matches = true;
      }
    }
    if (!matches) {
      throw new ServiceError('invalid_signature', 'The signature is not that of this body.');
    }
    if (signedAtMs !== undefined && Math.abs(nowMs - signedAtMs) > source.toleranceMs) {
      const seconds = Math.round((nowMs - signedAtMs) / 1000);
      const when = seconds > 0 ? `${seconds} s ago` : `${-seconds} s in the future`;
      throw new ServiceError(
        'stale_webhook',
        `The webhook was signed ${when}; at most ${source.toleranceMs / 1000} s are let pass.`,
      );
    }
  };
  return { check: (headers) => void scheme.claim(headers), verify };
}

function schemeOf(source: WebhookSource): Scheme {
  switch (source.provider) {
    case 'standard':
      return standard;
    case 'stripe':
      return stripe;
    case 'github':
      return plain({
        header: 'x-hub-signature-256',
        algorithm: 'sha256',
        encoding: 'hex',
        prefix: 'sha256=',
      });
    case 'shopify':
      return plain({
        header: 'x-shopify-hmac-sha256',
        algorithm: 'sha256',
        encoding: 'base64',
        prefix: '',
      });
    case 'hmac':
      return plain(source.signature);
  }
}

/** https://www.standardwebhooks.com: also as Svix names the headers. */
const standard: Scheme = {
  algorithm: 'sha256',
  keyOf: (secret) => Buffer.from(secret.replace(/^whsec_/, ''), 'base64'),
  claim: (headers) => {
    const prefix = headers['webhook-id'] === undefined ? 'svix' : 'webhook';
    const id = headerOf(headers, `${prefix}-id`);
    const timestamp = headerOf(headers, `${prefix}-timestamp`);
    const signatures = headerOf(headers, `${prefix}-signature`)
      .split(' ')
      .filter((each) => each.startsWith('v1,'))
      .map((each) => Buffer.from(each.slice('v1,'.length), 'base64'));
    return { head: `${id}.${timestamp}.`, signatures, signedAtMs: secondsToMs(timestamp) };
  },
};

/** https://docs.stripe.com/webhooks#verify-manually: the key is the secret as it is written. */
const stripe: Scheme = {
  algorithm: 'sha256',
  keyOf: (secret) => Buffer.from(secret),
  claim: (headers) => {
    const items = headerOf(headers, 'stripe-signature')
      .split(',')
      .map((item) => item.trim().split('=', 2) as [string, string | undefined]);
    const timestamp = items.find(([name]) => name === 't')?.[1] ?? '';
    const signatures = items
      .filter(([name]) => name === 'v1')
      .map(([, value]) => Buffer.from(value ?? '', 'hex'));
    return { head: `${timestamp}.`, signatures, signedAtMs: secondsToMs(timestamp) };
  },
};

/** The HMAC of the body in a header. */
function plain({ header, algorithm, encoding, prefix }: WebhookSource['signature']): Scheme {
  return {
    algorithm,
    keyOf: (secret) => Buffer.from(secret),
    claim: (headers) => {
      const text = headerOf(headers, header);
      const signatures = text.startsWith(prefix)
        ? [Buffer.from(text.slice(prefix.length), encoding)]
        : [];
      return { head: '', signatures, signedAtMs: undefined };
    },
  };
}

/** Throws `invalid_signature` without a signature: the sender of an unsigned body is unknown. */
function headerOf(headers: IncomingHttpHeaders, name: string): string {
  const value = headers[name];
  if (typeof value === 'string' && value !== '') return value;
  throw new ServiceError('invalid_signature', `The webhook has no header ${name}.`);
}

function secondsToMs(text: string): number {
  if (/^\d{1,12}$/.test(text)) return Number(text) * 1000;
  throw new ServiceError('invalid_signature', 'The time of the signature is not in seconds.');
}
