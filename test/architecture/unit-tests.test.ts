import { expect, it } from 'vitest';

import { isTest, readSources } from './source-files.ts';

const files = ['src', 'client/src', 'bench', 'scripts', 'examples']
  .flatMap(readSources)
  .filter(({ name }) => isTest(name));

/** Unit tests that start a program which is no server, and why. */
const startsPrograms: Readonly<Record<string, string>> = {
  'src/cli/schemas/against.test.ts': 'git, which the command reads schemas from',
  'client/src/spool/owner-lock.test.ts':
    'another process, which holds the lock or has died with it',
  'src/http/self-signed.fixture.ts': 'openssl, which makes a certificate',
  'src/service/follow/take-certificate.test.ts': 'openssl, which makes certificates',
};

/** What starts a nats-server, or a service with one. */
const starters =
  /^(test\/|src\/service\/service\.ts$|src\/jetstream\/server\/embedded-server\.ts$)/;

it('unit tests start no servers', () => {
  const broken = files
    .filter(({ imports }) => imports.some((each) => starters.test(each)))
    .map(({ name }) => name);
  expect(files.length).toBeGreaterThan(50);
  expect(broken).toEqual([]);
});

it('unit tests start only known programs', () => {
  const starting = files
    .filter(({ specifiers }) => specifiers.includes('node:child_process'))
    .map(({ name }) => name);
  expect(starting.toSorted()).toEqual(Object.keys(startsPrograms).toSorted());
});
