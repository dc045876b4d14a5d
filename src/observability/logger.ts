import { destination, pino, type Logger } from 'pino';

import { maskPersonal } from './mask-personal.ts';

export type { Logger } from 'pino';

/** Fields that may hold a secret, down to the third level. */
const masked = ['token', 'secret', 'password', 'authorization', 'cookie', 'key', 'hash'];

/** Accepts whole lines, each with its line feed. */
export interface LineWriter {
  write(line: string): void;
}

/** Writes JSON lines without secrets and personal data, to standard output or to `out`. */
export function createLogger(level: string, out: LineWriter = destination(1)): Logger {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: {
      paths: masked.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
      censor: '***',
    },
  };
  return pino(options, { write: (line) => out.write(maskPersonal(line)) });
}
