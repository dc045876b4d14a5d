import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { afterAll, describe, expect, test } from 'vitest';

import type { TlsFiles } from '../../http/tls-files.ts';
import type { OfferOutcome } from './follow-contents.ts';
import { createTakeCertificate } from './take-certificate.ts';

const folder = mkdtempSync(path.join(os.tmpdir(), 'headgate-certificate-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string): string => path.join(folder, name);
const pem = (name: string): string => readFileSync(at(name), 'utf8');

function hasOpenssl(): boolean {
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'];
  try {
    for (const name of ['one', 'two', 'three']) {
      const out = ['-keyout', at(`${name}.key`), '-out', at(`${name}.pem`)];
      execFileSync('openssl', ['req', '-x509', ...ec, '-subj', `/CN=${name}`, ...out], {
        stdio: 'ignore',
      });
    }
    return true;
  } catch (error) {
    console.warn(`not tested: openssl makes no certificates (${(error as Error).message})`);
    return false;
  }
}

describe.skipIf(!hasOpenssl())('certificates that are written in pieces', () => {
  const paths = { cert: at('cert.pem'), key: at('key.pem'), clientCa: at('ca.pem') };
  const failures: string[] = [];
  const changes: TlsFiles[] = [];
  const signals = {
    certificateServed: () => {},
    reloaded: () => {},
    reloadHeld: () => {},
    reloadFailed: (_what: string, error: Error) => failures.push(error.message),
  };
  const write = (cert: string, key: string, ca: string): void => {
    writeFileSync(paths.cert, cert);
    writeFileSync(paths.key, key);
    writeFileSync(paths.clientCa, ca);
  };
  const open = (): ((mayRemove?: boolean) => OfferOutcome) => {
    changes.length = 0;
    failures.length = 0;
    write(pem('one.pem') + pem('two.pem'), pem('one.key'), pem('one.pem') + pem('two.pem'));
    const { take } = createTakeCertificate({
      tls: { ...paths, clientAuth: 'required' },
      signals: signals as never,
      onChange: (files) => changes.push(files),
    });
    const contents = { bytesOf: (file: string) => readFileSync(file), digest: '' };
    return (mayRemove = false) => take({ contents, isFirst: false, mayRemove, isOrdered: false });
  };
  const chain = (): string => pem('one.pem') + pem('two.pem');

  test('a chain that lost its second certificate waits', () => {
    const take = open();
    write(pem('one.pem'), pem('one.key'), chain());
    expect([take(), changes.length]).toEqual(['held', 0]);
    expect([take(true), changes.length]).toEqual(['applied', 1]);
  });

  test('a renewed chain is served at once', () => {
    const take = open();
    write(pem('three.pem') + pem('two.pem'), pem('three.key'), chain());
    expect([take(), changes.length]).toEqual(['applied', 1]);
  });

  test('a CA file that lost its second CA waits, and one more CA does not', () => {
    const take = open();
    write(chain(), pem('one.key'), pem('one.pem'));
    expect([take(), changes.length]).toEqual(['held', 0]);
    write(chain(), pem('one.key'), chain() + pem('three.pem'));
    expect([take(), changes.length]).toEqual(['applied', 1]);
  });

  test('files that are cut at any byte change nothing', () => {
    const take = open();
    const whole = chain();
    for (let length = 0; length < whole.length - 1; length += 7) {
      write(whole.slice(0, length), pem('one.key'), whole);
      expect(take(), `chain of ${length}`).toMatch(/failed|held/);
      write(whole, pem('one.key'), whole.slice(0, length));
      expect(take(), `CA file of ${length}`).toMatch(/failed|held/);
      write(whole, pem('one.key').slice(0, Math.min(length, 200)), whole);
      expect(take(), `key of ${length}`).toBe('failed');
    }
    // Two CAs as before, and a third that is cut.
    write(whole, pem('one.key'), `${whole}${pem('three.pem').slice(0, 100)}\n`);
    expect(take(true)).toBe('failed');
    expect(changes).toEqual([]);
    expect(failures.join()).toMatch(/cert\.pem: the file is cut after certificate 1/);
    expect(failures.join()).toMatch(/ca\.pem: the file is cut after certificate 1/);
  });

  test('a certificate whose key follows later is served with its key', () => {
    const take = open();
    write(pem('three.pem') + pem('two.pem'), pem('one.key'), chain());
    expect([take(), changes.length]).toEqual(['failed', 0]);
    write(pem('three.pem') + pem('two.pem'), pem('three.key'), chain());
    expect([take(), changes.length]).toEqual(['applied', 1]);
  });

  test('comments may stand between certificates', () => {
    const take = open();
    const text = `# first\n---\n${pem('one.pem')}\nsecond:\n${pem('two.pem')}${pem('three.pem')}# end\n`;
    write(chain(), pem('one.key'), text);
    expect([take(), failures]).toEqual(['applied', []]);
  });
});
