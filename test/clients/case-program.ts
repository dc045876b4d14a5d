import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

import { folderOf, type Language } from './languages.ts';

/** What a case program is told to do: one line of JSON. */
export interface Order {
  /** Host and port. */
  readonly address: string;
  /** Empty: none. */
  readonly key: string;
  readonly rpc: 'Track' | 'BatchTrack';
  /** ProtoJSON, names in camelCase. */
  readonly request: object;
  readonly deadlineMs: number;
  /** 0: never. */
  readonly cancelAfterMs: number;
  readonly gzip: boolean;
}

export interface Place {
  readonly path: string;
  /** Null where the language's library does not read it. */
  readonly code: string | null;
}

/** An EventResult, as the language's generated code reads it. */
export interface ToldVerdict {
  readonly index: number;
  readonly idempotencyKey: string;
  readonly eventId: string;
  readonly status: string;
  readonly sequence: number;
  readonly schemaVersion: number;
  readonly timestampMs: number;
  readonly code: string;
  readonly violations: readonly Place[];
  readonly warnings: number;
}

/** The line that it answers. */
export interface Told {
  /** The gRPC status, spelled as the language does. */
  readonly status: string;
  readonly results: readonly ToldVerdict[] | null;
  readonly code: string;
  readonly help: string;
  readonly violations: readonly Place[];
  readonly retryAfterMs: number;
}

export interface CaseProgram {
  ask(order: Order): Promise<Told>;
  /** Ends its input, and waits until it is gone. */
  close(): Promise<void>;
}

const answerTimeoutMs = 90_000;

export function startCaseProgram(language: Language): CaseProgram {
  const [command, ...args] = language.cases;
  const child = spawn(command!, args, { cwd: folderOf(language), stdio: ['pipe', 'pipe', 'pipe'] });
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => (complaint = `${complaint}${chunk}`.slice(-4000)));
  child.stdin.on('error', () => {});
  const lines = createInterface({ input: child.stdout });
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()));
  return {
    ask: (order) =>
      new Promise((resolve, reject) => {
        const fail = (): void => reject(new Error(`no answer from ${command}: ${complaint}`));
        const timer = setTimeout(fail, answerTimeoutMs);
        const end = (): void => {
          clearTimeout(timer);
          child.off('close', fail);
        };
        child.once('close', fail);
        lines.once('line', (line) => {
          end();
          resolve(JSON.parse(line) as Told);
        });
        child.stdin.write(`${JSON.stringify(order)}\n`);
      }),
    close: async () => {
      child.stdin.end();
      const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await gone;
      clearTimeout(timer);
    },
  };
}
