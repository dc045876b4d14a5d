import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.join(here, '..', '..');
/** Outside version control, and kept from one run to the next. */
const cache = path.join(root, '.headgate', 'peers');

export type Built =
  | { readonly program: string }
  /** Why this machine cannot build it. */
  | { readonly missing: string };

type Variables = Readonly<Record<string, string>>;

interface Recipe {
  readonly needs: readonly string[];
  /** Without them the build has no network or no registry. */
  readonly fetch: readonly string[];
  readonly steps: readonly (readonly string[])[];
  readonly env: Variables;
  readonly program: string;
}

const goProgram = path.join(cache, 'go', 'peer');

/** One job at a time: other work of the machine goes on. */
const recipes: Readonly<Record<string, Recipe>> = {
  go: {
    needs: ['go', 'version'],
    fetch: ['go', 'mod', 'download'],
    steps: [
      ['buf', 'generate'],
      ['go', 'build', '-trimpath', '-o', goProgram, '.'],
    ],
    env: { GOFLAGS: '-buildvcs=false -p=1', GOEXPERIMENT: 'jsonv2' },
    program: goProgram,
  },
  rust: {
    needs: ['cargo', '--version'],
    fetch: ['cargo', 'fetch', '--locked'],
    steps: [['cargo', 'build', '--release', '--locked']],
    env: { CARGO_BUILD_JOBS: '1', CARGO_TARGET_DIR: path.join(cache, 'rust') },
    program: path.join(cache, 'rust', 'release', 'peer'),
  },
};

/**
 * Builds the peer in a language. Throws with the compiler's output if it does not compile.
 *
 * @param searchPath where its tools are, as in PATH.
 */
export function buildPeer(language: string, searchPath = process.env['PATH'] ?? ''): Built {
  const recipe = recipes[language];
  if (recipe === undefined) {
    throw new Error(`no peer in ${language}: ${Object.keys(recipes).join(', ')}`);
  }
  const cwd = path.join(here, language);
  const bin = path.join(root, 'node_modules', '.bin');
  const env = {
    ...process.env,
    ...recipe.env,
    PATH: `${bin}${path.delimiter}${searchPath}`,
  };
  const run = (command: readonly string[]) =>
    spawnSync('nice', ['-n', '10', ...command], { cwd, env, encoding: 'utf8' });
  mkdirSync(path.dirname(recipe.program), { recursive: true });
  if (run(recipe.needs).status !== 0) return { missing: `it needs ${recipe.needs[0]}` };
  if (run(recipe.fetch).status !== 0) return { missing: 'its libraries could not be fetched' };
  for (const step of recipe.steps) {
    const { status, stdout, stderr } = run(step);
    if (status !== 0)
      throw new Error(`${step.join(' ')} in bench/peers/${language}:\n${stdout}${stderr}`);
  }
  return { program: recipe.program };
}
