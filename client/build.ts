import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Compiles src/ twice, to ES modules and to CommonJS, each with its types. The output folder is the
 * first argument, `dist/` by default. Node 20 cannot load TypeScript, and its `require` cannot load
 * ES modules.
 */
const here = path.dirname(fileURLToPath(import.meta.url));
const target = path.resolve(process.argv[2] ?? path.join(here, 'dist'));

const formats = {
  esm: { type: 'module', options: ['--module', 'nodenext'] },
  cjs: {
    type: 'commonjs',
    // The import settings of tsconfig.json are for ES modules.
    options: [
      '--module',
      'commonjs',
      '--moduleResolution',
      'bundler',
      '--verbatimModuleSyntax',
      'false',
    ],
  },
};

/** The compiler rewrites `./event.ts` to `./event.js` in the code, but not in the type files. */
function renameImports(folder: string): void {
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.d.ts')) continue;
    const file = path.join(folder, name);
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.replaceAll(/((?:from|import\() ?['"]\.[^'"]*)\.ts(['"])/g, '$1.js$2'));
  }
}

rmSync(target, { recursive: true, force: true });
for (const [format, { type, options }] of Object.entries(formats)) {
  const folder = path.join(target, format);
  mkdirSync(folder, { recursive: true });
  const project = path.join(here, 'tsconfig.build.json');
  execFileSync('tsc', ['-p', project, '--outDir', folder, ...options], { stdio: 'inherit' });
  renameImports(folder);
  writeFileSync(path.join(folder, 'package.json'), `${JSON.stringify({ type })}\n`);
}
