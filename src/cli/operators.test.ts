import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

import { hashOperatorToken, isOperatorToken } from '../config/operators/operator-token.ts';
import { read } from '../config/read-config.fixture.ts';
import { operatorsCommand } from './operators.ts';

function run(...words: string[]): string {
  let output = '';
  const command = operatorsCommand((text) => (output += text));
  for (const each of [command, ...command.commands]) {
    each.exitOverride().configureOutput({ writeErr: () => {} });
  }
  command.parse(words, { from: 'user' });
  return output;
}

describe('headgate operators new', () => {
  it('prints the token once, and lines that the configuration takes', () => {
    const output = run('new', '--name', 'ada@example.com', '--role', 'operator');
    const [token = '', ...more] = output.match(/hgo_[\w-]+/g) ?? [];
    expect(more).toEqual([]);
    expect(isOperatorToken(token)).toBe(true);
    const { operators } = read({ file: output.slice(output.indexOf('operators:\n')) });
    expect(operators).toEqual([
      { name: 'ada@example.com', role: 'operator', hash: hashOperatorToken(token) },
    ]);
  });

  it('makes another token each time', () => {
    const tokens = [1, 2].map(() =>
      /hgo_[\w-]+/.exec(run('new', '--name', 'a', '--role', 'admin')),
    );
    expect(tokens[0]![0]).not.toBe(tokens[1]![0]);
  });

  it('prints JSON, whose line is the same', () => {
    const made = JSON.parse(run('new', '--name', '12', '--role', 'metrics', '--json')) as Record<
      string,
      string
    >;
    const { token = '', hash, yaml = '' } = made;
    expect(hash).toBe(hashOperatorToken(token));
    expect(parse(yaml)).toEqual([{ name: '12', role: 'metrics', hash }]);
  });

  it.each([
    [['new'], /--name/],
    [['new', '--name', 'ada'], /--role/],
    [['new', '--name', 'ada', '--role', 'root'], /viewer, operator, admin, metrics/],
    [['new', '--name', 'Ada', '--role', 'viewer'], /Begin with a letter/],
    [['new', '--name', 'a'.repeat(65), '--role', 'viewer'], /Begin with a letter/],
    [['new', '--name', 'admin', '--role', 'viewer'], /name of a token/],
  ])('refuses %j', (words, why) => {
    expect(() => run(...words)).toThrow(why);
  });
});
