import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { publicModules } from './public-modules.ts';

/** `from './glob.ts'` and `import('./glob.ts')`, of which the second stands in types. */
const imported = /((?:from|import\()\s*['"])([^'"]+)(['"])/g;

/**
 * Writes the types of the public modules: one file for each, and below it those that it needs.
 *
 * The compiler writes the types of every file that it reads, so all others are deleted again. What
 * stays imports no other package, so that a program compiles without the development packages.
 */
export function writePublicTypes(folder: string): void {
  const files = Object.values(publicModules);
  const options = ['--declaration', '--emitDeclarationOnly', '--noEmit', 'false'];
  writeFileSync(
    'tsconfig.types.json',
    JSON.stringify({ extends: './tsconfig.json', files, include: [] }),
  );
  try {
    const compiler = 'node_modules/typescript/bin/tsc';
    const args = ['-p', 'tsconfig.types.json', ...options, '--rootDir', '.', '--outDir', folder];
    execFileSync(process.execPath, [compiler, ...args], { stdio: 'inherit' });
  } finally {
    rmSync('tsconfig.types.json');
  }
  const needed = new Set(files.map((file) => file.replace(/\.ts$/, '.d.ts')));
  for (const name of needed) {
    const file = path.join(folder, name);
    const text = readFileSync(file, 'utf8').replaceAll(imported, (_all, head, to, tail) => {
      if (!to.startsWith('.')) throw new Error(`the public type file ${name} imports ${to}`);
      needed.add(path.join(path.dirname(name), to.replace(/\.ts$/, '.d.ts')));
      return `${head}${to.replace(/\.ts$/, '.js')}${tail}`;
    });
    writeFileSync(file, text);
  }
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (name.endsWith('.d.ts') && !needed.has(name)) rmSync(path.join(folder, name));
  }
  for (const [name, file] of Object.entries(publicModules)) {
    const text = `export * from './${file.replace(/\.ts$/, '.js')}';\n`;
    writeFileSync(path.join(folder, `${name}.d.ts`), text);
  }
}
