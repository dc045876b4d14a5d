import { expect, it } from 'vitest';

import { describeConfig } from '../describe-config.ts';
import { faultsOf, read } from '../read-config.fixture.ts';
import { operatorEntriesMax } from './operator-entry.ts';
import { hashOperatorToken as hash } from './operator-token.ts';

const line = (name: string, role = 'viewer', token = name): string =>
  `  - { name: "${name}", role: ${role}, hash: "${hash(token)}" }\n`;
const file = (...lines: string[]): { file: string } => ({ file: `operators:\n${lines.join('')}` });

it('are read, one of each role', () => {
  const roles = ['viewer', 'operator', 'admin', 'metrics'];
  const { operators } = read(file(...roles.map((role) => line(`a-${role}`, role))));
  expect(operators).toEqual(
    roles.map((role) => ({ name: `a-${role}`, role, hash: hash(`a-${role}`) })),
  );
  expect(read().operators).toEqual([]);
});

it('accept a name of 64 characters, and an email address', () => {
  expect(faultsOf(file(line('a'.repeat(64)), line('ada.b+c@example.com')))).toEqual([]);
});

it.each([
  [
    [line('ada'), line('ada', 'admin', 'other')],
    /operators\[1\]\.name: is the same as .*\[0\]\.name/,
  ],
  [
    [line('ada'), line('ben', 'viewer', 'ada')],
    /operators\[1\]\.hash: is the same as .*\[0\]\.hash/,
  ],
  [[line('Ada')], /operators\[0\]\.name: is not a name/],
  [[line('a'.repeat(65))], /operators\[0\]\.name: is not a name/],
  [[line('admin')], /operators\[0\]\.name: admin is the name of a token of admin/],
  [[line('metrics')], /operators\[0\]\.name: metrics is the name of a token of admin/],
  [[line('ada', 'root')], /operators\[0\]\.role: "root" .*viewer, operator, admin/],
  [[`  - { name: ada, role: viewer, hash: "sha256:${'a'.repeat(63)}" }`], /hash: is not a hash/],
  [['  - { name: ada, role: viewer, hash: hunter2 }'], /hash: is not a hash/],
  [['  - { name: ada, role: viewer }'], /operators\[0\]\.hash: is required/],
  [[`  - { name: ada, hash: "${hash('a')}" }`], /operators\[0\]\.role: is required/],
  [[`  - { role: viewer, hash: "${hash('a')}" }`], /operators\[0\]\.name: is required/],
  [[`  - { name: ada, role: viewer, hash: "${hash('a')}", rol: x }`], /rol: .*that is: role/],
  [['  - text'], /operators\[0\]: is not a map/],
])('refuse %j', (lines, fault) => {
  expect(faultsOf(file(...lines))).toEqual([expect.stringMatching(fault)]);
});

it('are a list, with a limit', () => {
  expect(faultsOf({ file: 'operators: {}' })[0]).toMatch(/operators: is not a list/);
  const many = (count: number) =>
    faultsOf(file(...Array.from({ length: count }, (_, index) => line(`a${index}`))));
  expect(many(operatorEntriesMax)).toEqual([]);
  expect(many(operatorEntriesMax + 1)).toEqual([expect.stringMatching(/at most 1000/)]);
});

it('report all their faults at once, and never a token', () => {
  const faults = faultsOf(
    file(
      '  - { name: ada, role: viewer, hash: hunter2 }\n',
      '  - { name: Ben, role: root, hash: hunter3 }\n',
      line('ada', 'admin'),
    ),
  );
  expect(faults).toHaveLength(5);
  expect(faults.join()).not.toMatch(/hunter/);
});

it('have tokens that are not those of admin', () => {
  const token = 'hgo_token-of-ada';
  const own = { ...file(line('ada', 'viewer', token)), env: { HEADGATE_ADMIN_TOKEN: token } };
  expect(faultsOf(own)).toEqual([
    expect.stringMatching(/^admin\.token: is the token of the operator ada: remove it here/),
  ]);
  const both = { HEADGATE_ADMIN_TOKEN: token, HEADGATE_OPERATOR_TOKEN: token };
  expect(faultsOf({ env: both })).toEqual([]);
});

it('have no variables', () => {
  expect(faultsOf({ env: { HEADGATE_OPERATORS: 'a' } })[0]).toMatch(/list them under operators in/);
});

it('are shown without their hashes', () => {
  const described = describeConfig(read(file(line('ada'))));
  expect(described['operators']).toEqual([{ name: 'ada', role: 'viewer' }]);
  expect(JSON.stringify(described)).not.toContain('sha256');
});

it('replace admin.token on an address that other machines reach', () => {
  const open = 'admin: { listen: "0.0.0.0:8081" }\n';
  expect(faultsOf({ file: open })).toEqual([
    expect.stringMatching(/there is no token: .*operators/),
  ]);
  expect(faultsOf({ file: open + file(line('ada', 'admin')).file })).toEqual([]);
});
