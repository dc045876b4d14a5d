import { StartError } from '../../errors.ts';

export const levels = ['ok', 'skipped', 'warning', 'failure'] as const;
export type Level = (typeof levels)[number];

/** What one look has found. */
export interface Finding {
  /** What was looked at, in a word or two: `data directory`. */
  readonly check: string;
  readonly level: Level;
  readonly found: string;
  /** What to do about it; empty where there is nothing to do. */
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

  /** It could not be looked at, and that is no fault. */
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

/** Does one check. One that breaks is a finding, and the others are made all the same. */
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

const mebibyte = 1024 * 1024;

/** `512 MiB`, `19.5 GiB`. */
export function sizeText(bytes: number): string {
  const gibibytes = bytes / mebibyte / 1024;
  if (gibibytes >= 10) return `${Math.round(gibibytes)} GiB`;
  return gibibytes >= 1 ? `${gibibytes.toFixed(1)} GiB` : `${Math.floor(bytes / mebibyte)} MiB`;
}
