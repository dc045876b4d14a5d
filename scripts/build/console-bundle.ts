import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { rolldown } from 'rolldown';

const root = fileURLToPath(new URL('../../', import.meta.url));
const source = path.join(root, 'console');

/** Browsers of the last two years or so: newer syntax is translated. */
const target = ['chrome120', 'firefox121', 'safari17.4'];

const styleImport = /^@import '(.+)';$/gm;

/**
 * Writes the console into a folder: index.html, and below assets/ the files that it names, each with a
 * hash of its content in its name. Returns the packages whose code is in it, below node_modules/.
 */
export async function writeConsole(folder: string): Promise<string[]> {
  const { code, packages } = await bundleScript();
  const texts = {
    'console.js': code,
    'console.css': readStyle('style/main.css'),
    'icon.svg': readFileSync(path.join(source, 'icon.svg'), 'utf8'),
  };
  mkdirSync(path.join(folder, 'assets'), { recursive: true });
  let page = readFileSync(path.join(source, 'index.html'), 'utf8');
  const named = new Set<string>();
  for (const [name, text] of Object.entries(texts)) {
    const hash = createHash('sha256').update(text).digest('hex').slice(0, 12);
    const hashed = name.replace('.', `-${hash}.`);
    writeWhole(path.join(folder, 'assets', hashed), text);
    named.add(hashed);
    page = page.replaceAll(`/assets/${name}`, `/assets/${hashed}`);
  }
  // Last: a service that runs reads the folder again when this file is new.
  writeWhole(path.join(folder, 'index.html'), page.replaceAll(/\n\s*/g, '\n'));
  for (const name of readdirSync(path.join(folder, 'assets'))) {
    if (!named.has(name)) rmSync(path.join(folder, 'assets', name), { force: true });
  }
  return packages;
}

/** So that who reads at the same time finds the old file or the new one. Nothing if it is there already. */
function writeWhole(file: string, text: string): void {
  if (existsSync(file) && readFileSync(file, 'utf8') === text) return;
  const unfinished = `${file}.${process.pid}`;
  writeFileSync(unfinished, text);
  renameSync(unfinished, file);
}

async function bundleScript(): Promise<{ code: string; packages: string[] }> {
  const bundle = await rolldown({
    input: path.join(source, 'main.tsx'),
    platform: 'browser',
    tsconfig: path.join(source, 'tsconfig.json'),
    transform: { target, define: { 'process.env.NODE_ENV': '"production"' } },
    onLog(level, log, report) {
      // An import that is not found would fail in the browser.
      if (level === 'warn') throw new Error(log.message);
      report(level, log);
    },
  });
  const { output } = await bundle.generate({ format: 'esm', minify: true, codeSplitting: false });
  const [{ code, moduleIds }] = output;
  const packages = moduleIds.flatMap((id) => {
    const found = /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id.replace(/^\0/, ''))?.[0];
    return found === undefined ? [] : [path.relative(root, found)];
  });
  return { code, packages: [...new Set(packages)] };
}

/** The text of a style file with those that it imports, without comments and indents. */
function readStyle(name: string): string {
  const file = path.join(source, name);
  const text = readFileSync(file, 'utf8').replaceAll(styleImport, (_all, to: string) =>
    readStyle(path.relative(source, path.resolve(file, '..', to))),
  );
  return text.replaceAll(/\/\*.*?\*\//gs, '').replaceAll(/\n\s*/g, '\n');
}
