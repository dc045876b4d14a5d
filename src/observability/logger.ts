import { pino, type Logger } from 'pino';

export type { Logger } from 'pino';

/** Fields that may hold a secret, wherever in a log line they stand. */
const masked = ['token', 'secret', 'password', 'authorization', 'cookie', 'key', 'hash'];

export function createLogger(level: string): Logger {
  return pino({
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: {
      paths: masked.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
      censor: '***',
    },
  });
}
