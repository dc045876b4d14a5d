import { createInterface } from 'node:readline/promises';

/**
 * Asks a person on the terminal. Any answer except `y` or `yes` is a no. Undefined without a
 * terminal.
 */
export async function confirm(question: string): Promise<boolean | undefined> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  // Not on standard output, which programs read.
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}
