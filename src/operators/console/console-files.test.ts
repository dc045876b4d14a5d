import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { fileBytesMax, filesMax, readConsoleFiles } from './console-files.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'headgate-console-'));
  mkdirSync(path.join(folder, 'assets'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const write = (name: string, text: string | Buffer): void =>
  writeFileSync(path.join(folder, name), text);

test('without a build there is nothing, also where only assets are', async () => {
  expect((await readConsoleFiles(path.join(folder, 'none'))).size).toBe(0);
  write('assets/a.js', '1');
  expect((await readConsoleFiles(folder)).size).toBe(0);
});

test('index.html is at /, and assets by their names, in every encoding', async () => {
  const script = 'console.log(1);'.repeat(100);
  write('index.html', '<!doctype html>'.repeat(10));
  write('assets/index-3fa2.js', script);
  write('assets/logo.png', Buffer.from([1, 2, 3]));
  const files = await readConsoleFiles(folder);
  expect([...files.keys()].toSorted()).toEqual(['/', '/assets/index-3fa2.js', '/assets/logo.png']);
  const file = files.get('/assets/index-3fa2.js')!;
  expect(file).toMatchObject({ contentType: 'text/javascript; charset=utf-8', isImmutable: true });
  expect(String(brotliDecompressSync(file.br!))).toBe(script);
  expect(String(gunzipSync(file.gzip!))).toBe(script);
  expect(files.get('/')).toMatchObject({ isImmutable: false });
  expect(files.get('/assets/logo.png')).toMatchObject({ br: undefined, gzip: undefined });
});

test('what is not a plain file of a known type is left out', async () => {
  write('index.html', '<!doctype html>');
  write('secret.txt', 'of the folder above');
  const hostile = ['.env', '.js', 'a.exe', 'a', '-a.js', 'a b.js', 'ä.js', '%2e.js', 'a\nb.js'];
  for (const name of hostile) write(`assets/${name}`, 'x');
  mkdirSync(path.join(folder, 'assets/folder.js'));
  symlinkSync(path.join(folder, 'secret.txt'), path.join(folder, 'assets/link.txt'));
  write('assets/good.js', '1');
  expect([...(await readConsoleFiles(folder)).keys()].toSorted()).toEqual(['/', '/assets/good.js']);
});

test('index.html that leads elsewhere is not served', async () => {
  write('secret.html', 'x');
  symlinkSync(path.join(folder, 'secret.html'), path.join(folder, 'index.html'));
  expect((await readConsoleFiles(folder)).size).toBe(0);
});

test(`a file of ${fileBytesMax} bytes is served, and a larger one is not`, async () => {
  write('index.html', '<!doctype html>');
  write('assets/limit.png', Buffer.alloc(fileBytesMax));
  write('assets/larger.png', Buffer.alloc(fileBytesMax + 1));
  const files = await readConsoleFiles(folder);
  expect([files.has('/assets/limit.png'), files.has('/assets/larger.png')]).toEqual([true, false]);
});

test(`${filesMax} files are served, and no more`, async () => {
  write('index.html', '<!doctype html>');
  for (let file = 0; file <= filesMax; file += 1) {
    write(`assets/f${String(file).padStart(4, '0')}.png`, 'x');
  }
  const files = await readConsoleFiles(folder);
  expect(files.size).toBe(filesMax + 1);
  expect(files.has(`/assets/f${String(filesMax).padStart(4, '0')}.png`)).toBe(false);
});
