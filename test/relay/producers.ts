import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import readline from 'node:readline';

import { root } from '../documentation/markdown.ts';
import { build, whyMissing, type ClientProgram } from '../http-clients/client-programs.ts';

/** A program of another language that sends events through a relay. It prints what became of each. */
type ProducerProgram = Pick<ClientProgram, 'name' | 'needs' | 'build' | 'run'>;

const file = (name: string): string => path.join(root, 'test', 'relay', 'producers', name);

/** Python sends batches, the others single events, eight at once. */
const programs: readonly ProducerProgram[] = [
  { name: 'Python', needs: ['python3', '--version'], run: ['python3', file('send.py')] },
  {
    name: 'Go',
    needs: ['go', 'version'],
    build: ['go', 'build', '-o', 'send', file('send.go')],
    run: ['./send'],
  },
  {
    name: 'Java',
    needs: ['javac', '--version'],
    build: ['javac', '-d', '.', file('Send.java')],
    run: ['java', '-Xmx128m', '-cp', '.', 'Send'],
  },
];

export type ProducerLanguage = 'Python' | 'Go' | 'Java';

/** What became of the events that one producer has sent. */
export interface ProducerLedger {
  /** The keys of the events that were acknowledged. */
  readonly accepted: ReadonlySet<string>;
  /** The code of the verdict, by key. */
  readonly rejected: ReadonlyMap<string, string>;
  /** Events that were sent again: for a verdict `retry`, and in requests without an answer. */
  readonly refusals: Readonly<Record<'full' | 'unanswered', number>>;
}

export interface Producer extends ProducerLedger {
  readonly name: string;
  /** Resolves when each event has a final verdict. Rejects if the program fails. */
  readonly finished: Promise<void>;
  stop(): void;
}

/** Programs that are built, in a folder of their own. */
export interface BuiltProducers extends Disposable {
  /** @param index of the producer among all, which keeps its keys apart from those of others. */
  start(name: ProducerLanguage, url: string, events: number, index: number): Producer;
  readonly languages: readonly ProducerLanguage[];
}

/** Builds those of the languages whose tools are here. Prints why others are left out. */
export function buildProducers(wanted: readonly ProducerLanguage[]): BuiltProducers {
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-producers-'));
  const built = new Map<string, ProducerProgram>();
  for (const name of wanted) {
    const program = programs.find((one) => one.name === name)!;
    const why = whyMissing(program);
    if (why !== undefined) {
      console.log(`no producer in ${name}: ${why}`);
      continue;
    }
    build(program, path.join(folder, name));
    built.set(name, program);
  }
  return {
    languages: wanted.filter((name) => built.has(name)),
    start: (name, url, events, index) => {
      const args = [url, prefixOf(index), String(events)];
      return startProgram(built.get(name)!, path.join(folder, name), args);
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Twelve hex digits are missing. */
export function prefixOf(index: number): string {
  return `${index.toString(16).padStart(8, '0')}-0000-4000-8000-`;
}

function startProgram(
  { name, run: [command, ...fixed] }: ProducerProgram,
  cwd: string,
  args: readonly string[],
): Producer {
  const accepted = new Set<string>();
  const rejected = new Map<string, string>();
  const refusals = { full: 0, unanswered: 0 };
  const child = spawn(command!, [...fixed, ...args], { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += String(chunk)));
  readline.createInterface({ input: child.stdout }).on('line', (line) => {
    const [what, key, code] = line.split(' ');
    if (what === 'accepted') accepted.add(key!);
    else if (what === 'rejected') rejected.set(key!, code!);
    else if (what === 'retry') refusals.full += 1;
    else refusals.unanswered += 1;
  });
  const finished = once(child, 'close').then(([status]) => {
    if (status !== 0) throw new Error(`the producer in ${name} ended with ${status}: ${errors}`);
  });
  return { name, accepted, rejected, refusals, finished, stop: () => child.kill('SIGKILL') };
}
