import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { hashWriteKey, keyHashPattern } from '../../config/write-key.ts';
import { keysCommand } from './keys.ts';

function run(...words: string[]): string {
  let output = '';
  const command = keysCommand({ env: {} }, (text) => (output += text));
  for (const each of [command, ...command.commands]) {
    each.exitOverride().configureOutput({ writeErr: () => {} });
  }
  command.parse(words, { from: 'user' });
  return output;
}

describe('headgate keys new', () => {
  it('prints the key once, and the configuration line with its hash', () => {
    const output = run('new', '--source', 'checkout', '--events', 'order_*, cart_viewed');
    const [key = '', ...more] = output.match(/hg_[\w-]{43}\b/g) ?? [];
    expect(more).toEqual([]);
    expect(parse(output.slice(output.indexOf('keys:\n')))).toEqual({
      keys: [{ source: 'checkout', hash: hashWriteKey(key), events: ['order_*', 'cart_viewed'] }],
    });
    expect(run('new', '--source', 'checkout')).not.toContain(key);
  });

  it('prints JSON, whose line is the same', () => {
    const made = JSON.parse(run('new', '--source', '12', '--json')) as Record<string, string>;
    expect(made['hash']).toBe(hashWriteKey(made['key'] ?? ''));
    expect(made['hash']).toMatch(keyHashPattern);
    expect(parse(made['yaml'] ?? '')).toEqual([{ source: '12', hash: made['hash'] }]);
  });

  it.each([
    [['new']],
    [['new', '--source', 'Checkout']],
    [['new', '--source', 'a'.repeat(65)]],
    [['new', '--source', 'a', '--events', 'order\n*']],
    [['new', '--source', 'a', '--events', '']],
  ])('refuses %j', (words) => {
    expect(() => run(...words)).toThrow(/^error: .*--(source|events)/);
  });
});

describe('hashWriteKey', () => {
  it('is sha256: and the hex digest', () => {
    expect(hashWriteKey('abc')).toBe(
      'sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    );
  });
});
