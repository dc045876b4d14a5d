import { createInterface } from 'node:readline/promises';

/**
 * Asks a person, on the terminal, and takes anything but `y` or `yes` for a no. Undefined: there is
 * nobody to ask.
 */
export async function confirm(question: string): Promise<boolean | undefined> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  // Not on standard output, which is for what a program reads.
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}
