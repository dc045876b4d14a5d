import { StartError } from '../errors.ts';

export const levels = ['ok', 'skipped', 'warning', 'failure'] as const;
export type Level = (typeof levels)[number];

/** The result of one check. */
export interface Finding {
  /** What was checked, in a word or two: `data directory`. */
  readonly check: string;
  readonly level: Level;
  readonly found: string;
  /** How to fix it. Empty if no action is needed. */
  readonly mend: string;
}

/** The findings of one check, in the order in which they were made. */
export class CheckFindings {
  readonly all: Finding[] = [];
  readonly #check: string;

  constructor(check: string) {
    this.#check = check;
  }

  ok(found: string): void {
    this.#add('ok', found, '');
  }

  /** The check could not be made, which is not an error. */
  skipped(found: string, mend = ''): void {
    this.#add('skipped', found, mend);
  }

  warning(found: string, mend: string): void {
    this.#add('warning', found, mend);
  }

  failure(found: string, mend: string): void {
    this.#add('failure', found, mend);
  }

  #add(level: Level, found: string, mend: string): void {
    this.all.push({ check: this.#check, level, found, mend });
  }
}

/** Runs one check. An exception becomes a finding, so that the other checks still run. */
export async function look(
  check: string,
  work: (findings: CheckFindings) => Promise<void> | void,
): Promise<readonly Finding[]> {
  const findings = new CheckFindings(check);
  try {
    await work(findings);
  } catch (error) {
    const { message } = error as Error;
    if (error instanceof StartError) findings.failure(message, '');
    else
      findings.failure(
        `could not be looked at: ${message}`,
        'Run this again; tell us if it stays.',
      );
  }
  return findings.all;
}

/** Checks that run one after the other, and what all have found. */
export interface Checks {
  readonly all: readonly Finding[];
  run(name: string, work: Parameters<typeof look>[1]): Promise<void>;
}

export function createChecks(): Checks {
  const all: Finding[] = [];
  return { all, run: async (name, work) => void all.push(...(await look(name, work))) };
}

const mebibyte = 1024 * 1024;

/** `512 MiB`, `19.5 GiB`. */
export function sizeText(bytes: number): string {
  const gibibytes = bytes / mebibyte / 1024;
  if (gibibytes >= 10) return `${Math.round(gibibytes)} GiB`;
  return gibibytes >= 1 ? `${gibibytes.toFixed(1)} GiB` : `${Math.floor(bytes / mebibyte)} MiB`;
}
