import { expect, test } from 'vitest';

import type { Config } from '../config/config.ts';
import { welcome } from './serve.ts';

type Service = Parameters<typeof welcome>[0];

const config = {
  admin: { tls: undefined },
  auth: 'off',
  dataDir: '.headgate',
} as unknown as Config;

function service() {
  const made: string[] = [];
  const part = {
    address: undefined,
    adminAddress: { host: '127.0.0.1', port: 8081 },
    makeSignInCode: () => {
      made.push('the-code');
      return 'the-code';
    },
  };
  return { made, service: part as unknown as Service };
}

test('a person at a terminal gets a link that signs in', () => {
  const text = welcome(service().service, config, true);
  expect(text).toContain('Console: http://127.0.0.1:8081/\n');
  expect(text).toContain('http://127.0.0.1:8081/#code=the-code');
});

test('a log gets none, and no code is made', () => {
  const { made, service: quiet } = service();
  const text = welcome(quiet, config, false);
  expect(text).toContain('Console: http://127.0.0.1:8081/\n');
  expect([text.includes('code'), made]).toEqual([false, []]);
});
