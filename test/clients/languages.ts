import path from 'node:path';

import { fencesOf, readPage, root } from '../documentation/markdown.ts';

/** A language with an example in examples/<name>, whose README has the commands. */
export interface Language {
  readonly name: 'go' | 'python' | 'java' | 'rust';
  /** Commands that must exit with 0 on this machine. */
  readonly needs: readonly (readonly string[])[];
  /** A command to run in its folder, after the build. */
  readonly first: readonly string[];
  readonly cases: readonly string[];
  /** The file that contains the lines shown in docs/send/clients.md. */
  readonly firstFile: string;
  /** Matches the output of a build that could not reach a registry. */
  readonly notFetched: RegExp;
  /** True if its library reads the `reason` of a BadRequest's violations. */
  readonly readsReasons: boolean;
  /** The status that its library reports when a deadline passes at the caller. */
  readonly lateStatus: 'DEADLINE_EXCEEDED' | 'CANCELLED';
}

const java = ['java', '-cp', 'target/classes:target/lib/*'];

export const languages: readonly Language[] = [
  {
    name: 'go',
    needs: [['go', 'version']],
    first: ['bin/first'],
    cases: ['bin/cases'],
    firstFile: 'first/main.go',
    notFetched: /dial tcp|proxyconnect|i\/o timeout|TLS handshake timeout|module lookup disabled/,
    readsReasons: true,
    lateStatus: 'DEADLINE_EXCEEDED',
  },
  {
    name: 'python',
    needs: [['python3', '-c', 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))']],
    first: ['.venv/bin/python', 'first.py'],
    cases: ['.venv/bin/python', 'cases.py'],
    firstFile: 'first.py',
    notFetched: /Could not find a version|No matching distribution|ConnectionError|Read timed out/,
    readsReasons: true,
    lateStatus: 'DEADLINE_EXCEEDED',
  },
  {
    name: 'java',
    needs: [
      ['javac', '--release', '17', '--version'],
      ['mvn', '--version'],
    ],
    first: [...java, 'shop.First'],
    cases: [...java, 'shop.Cases'],
    firstFile: 'src/main/java/shop/First.java',
    notFetched:
      /Could not transfer|could not be resolved|Could not find artifact|Failed to resolve/,
    readsReasons: true,
    lateStatus: 'DEADLINE_EXCEEDED',
  },
  {
    name: 'rust',
    needs: [['cargo', '--version']],
    first: ['target/debug/first'],
    cases: ['target/debug/cases'],
    firstFile: 'src/bin/first.rs',
    notFetched: /failed to download|failed to get `|Could not resolve host|spurious network error/,
    readsReasons: false,
    lateStatus: 'CANCELLED',
  },
];

export const folderOf = ({ name }: Language): string => path.join(root, 'examples', name);

export interface Commands {
  /** The first block of `sh`. */
  readonly build: string;
  /** The second block of `sh`, and the block with its output. */
  readonly run: string;
  readonly output: string;
}

/** Returns the commands in the README of an example. */
export function commandsOf({ name }: Language): Commands {
  const [build, run, output] = fencesOf(readPage(`examples/${name}/README.md`));
  if (build?.language !== 'sh' || run?.language !== 'sh' || output?.language !== 'text') {
    throw new Error(`examples/${name}/README.md must have three blocks: build, run and output`);
  }
  return { build: build.text, run: run.text, output: output.text };
}
