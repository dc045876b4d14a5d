import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

import { folderOf, type Language } from './languages.ts';

/** The input of a case program: one call, as one line of JSON. */
export interface CaseCall {
  /** Host and port. */
  readonly address: string;
  /** The write key; empty for none. */
  readonly key: string;
  readonly rpc: 'Track' | 'BatchTrack';
  /** ProtoJSON, with names in camelCase. */
  readonly request: object;
  readonly deadlineMs: number;
  /** 0 means never. */
  readonly cancelAfterMs: number;
  readonly gzip: boolean;
}

export interface ReportedViolation {
  readonly path: string;
  /** Null if the language's library does not read it. */
  readonly code: string | null;
}

/** An EventResult, as the language's generated code reads it. */
export interface ReportedVerdict {
  readonly index: number;
  readonly idempotencyKey: string;
  readonly eventId: string;
  readonly status: string;
  readonly sequence: number;
  readonly schemaVersion: number;
  readonly timestampMs: number;
  readonly code: string;
  readonly violations: readonly ReportedViolation[];
  readonly warnings: number;
}

/** The output of a case program: what its call returned, as one line of JSON. */
export interface CaseAnswer {
  /** The gRPC status, as the language spells it. */
  readonly status: string;
  readonly results: readonly ReportedVerdict[] | null;
  readonly code: string;
  readonly help: string;
  readonly violations: readonly ReportedViolation[];
  readonly retryAfterMs: number;
}

export interface CaseProgram {
  call(input: CaseCall): Promise<CaseAnswer>;
  /** Ends its input and waits until it exits. */
  close(): Promise<void>;
}

const answerTimeoutMs = 90_000;

export function startCaseProgram(language: Language): CaseProgram {
  const [command, ...args] = language.cases;
  const child = spawn(command!, args, { cwd: folderOf(language), stdio: ['pipe', 'pipe', 'pipe'] });
  let errorOutput = '';
  child.stderr.on('data', (chunk: Buffer) => (errorOutput = `${errorOutput}${chunk}`.slice(-4000)));
  child.stdin.on('error', () => {});
  const lines = createInterface({ input: child.stdout });
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()));
  return {
    call: (input) =>
      new Promise((resolve, reject) => {
        const fail = (): void => reject(new Error(`no answer from ${command}: ${errorOutput}`));
        const timer = setTimeout(fail, answerTimeoutMs);
        const end = (): void => {
          clearTimeout(timer);
          child.off('close', fail);
        };
        child.once('close', fail);
        lines.once('line', (line) => {
          end();
          resolve(JSON.parse(line) as CaseAnswer);
        });
        child.stdin.write(`${JSON.stringify(input)}\n`);
      }),
    close: async () => {
      child.stdin.end();
      const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await exited;
      clearTimeout(timer);
    },
  };
}
