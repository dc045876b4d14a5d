import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { rolldown, type Plugin } from 'rolldown';

import { publicModules } from './public-modules.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const source = path.join(root, 'src');

/** The oldest Node that package.json allows: newer syntax is translated. */
const target = 'node22.22';

/** `new URL('./child.ts', import.meta.url)`: how code names a file by its place in the source. */
const fileUrl = /new URL\(\s*'(\.[^']*)',\s*import\.meta\.url,?\s*\)/g;

export interface Bundle {
  /** The folders of the packages whose code is part of the bundle, below node_modules/. */
  readonly packages: readonly string[];
}

/**
 * Writes every program and every public module into one folder, as ES modules that share their
 * common parts. What a start needs is in them. What only some configurations load stays a package:
 * `dependencies`, and the clients of databases and brokers, `peerDependencies`.
 */
export async function writeBundle(folder: string): Promise<Bundle> {
  const external = externalPackages();
  const bundle = await rolldown({
    input: {
      headgate: path.join(source, 'cli/main.ts'),
      ...Object.fromEntries(
        Object.entries(publicModules).map(([name, file]) => [name, path.join(root, file)]),
      ),
      ...Object.fromEntries(startedFiles().map((file) => [nameOf(file), file])),
    },
    external: (id) => external.some((name) => id === name || id.startsWith(`${name}/`)),
    platform: 'node',
    transform: { target },
    plugins: [placeFiles(path.resolve(folder))],
    onLog(level, log, report) {
      // An import that is not found would fail at run time.
      if (level === 'warn') throw new Error(log.message);
      report(level, log);
    },
  });
  // All in one folder, so that a file finds another by its name alone.
  const { output } = await bundle.write({
    dir: folder,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: '[name]-[hash].js',
    // Names stay as they are: a stack trace is read by people. Compressed, the package is 2 % smaller.
    minify: { compress: true, mangle: false, codegen: { removeWhitespace: true } },
  });
  const modules = output.flatMap((part) => (part.type === 'chunk' ? part.moduleIds : []));
  return { packages: [...new Set(modules.flatMap(packageOf))].toSorted() };
}

function externalPackages(): string[] {
  const { dependencies, peerDependencies } = JSON.parse(
    readFileSync(path.join(root, 'package.json'), 'utf8'),
  ) as { dependencies: object; peerDependencies: object };
  return [...Object.keys(dependencies), ...Object.keys(peerDependencies)];
}

/** The files that are started as a process or a thread of their own: other files name them by URL. */
function startedFiles(): string[] {
  const names = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.ts') && !/\.(test|fixture)\.ts$/.test(name),
  );
  const started = names.flatMap((name) => {
    const file = path.join(source, name);
    const named = [...readFileSync(file, 'utf8').matchAll(fileUrl)].map(([, to]) => to!);
    return named.filter((to) => to.endsWith('.ts')).map((to) => path.resolve(file, '..', to));
  });
  return [...new Set(started)].toSorted();
}

/** `transform-child` of src/transform/child.ts. */
function nameOf(file: string): string {
  return path.relative(source, file).replace(/\.ts$/, '').replaceAll(path.sep, '-');
}

/** Makes the URLs of files right for where the code is after the build. */
function placeFiles(folder: string): Plugin {
  return {
    name: 'place-files',
    transform(code, id) {
      if (!id.startsWith(source)) return null;
      const placed = code.replaceAll(fileUrl, (_whole, to: string) => {
        const file = path.resolve(id, '..', to);
        const moved = to.endsWith('.ts') ? `./${nameOf(file)}.js` : path.relative(folder, file);
        return `new URL('${moved}', import.meta.url)`;
      });
      return placed === code ? null : { code: placed, map: null };
    },
  };
}

/** The package folder of a module: `node_modules/pino` of `.../node_modules/pino/lib/tools.js`. */
function packageOf(id: string): string[] {
  const found = /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id)?.[0];
  return found === undefined ? [] : [path.relative(root, found.replace(/^\0/, ''))];
}
