import { expect, test } from 'vitest';

import { tlsFault } from './tls-fault.ts';

const faultOf = (
  code: string,
  { caFile, url = 'https://gate.example', more = {} }: Faulty = {},
): string | undefined =>
  tlsFault(Object.assign(new Error('x'), more), code, { url: new URL(url), caFile });

interface Faulty {
  readonly caFile?: string | undefined;
  readonly url?: string;
  readonly more?: object;
}

test.each<[string, RegExp, Faulty?]>([
  [
    'SELF_SIGNED_CERT_IN_CHAIN',
    /^no CA of this system signed .*: set tls_ca \(headgate relay: --ca\)/,
  ],
  [
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    /^no CA of \/ca\.pem signed .* into this file/,
    { caFile: '/ca.pem' },
  ],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', /^no CA of this system/],
  ['CERT_NOT_YET_VALID', /set the clock of this machine/],
  ['ERR_SSL_WRONG_VERSION_NUMBER', /^it does not speak TLS/],
  [
    'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED',
    /^it asks for a client certificate.*tls\.client_auth/,
  ],
  ['CERT_REVOKED', /^TLS fails \(CERT_REVOKED\)$/],
  ['ERR_TLS_CERT_ALTNAME_INVALID', /^its certificate is for no name, not for gate\.example/],
])('%s says what to fix', (code, text, faulty) => {
  expect(faultOf(code, faulty)).toMatch(text);
});

test('faults of the network are others, and so is everything in the clear', () => {
  expect(faultOf('ECONNREFUSED')).toBe(undefined);
  expect(faultOf('CERT_HAS_EXPIRED', { url: 'http://127.0.0.1' })).toBe(undefined);
});

test('names of a certificate are cut, and their control characters are not shown', () => {
  const text = (subjectaltname: string): string =>
    faultOf('ERR_TLS_CERT_ALTNAME_INVALID', { more: { cert: { subjectaltname } } })!;
  expect(text('DNS:a\nb')).toContain('for DNS:a?b, not');
  expect(text('x'.repeat(200))).toContain(`for ${'x'.repeat(200)}, not`);
  expect(text('x'.repeat(201))).toContain(`for ${'x'.repeat(200)}..., not`);
});
