import { STATUS_CODES } from 'node:http';

import { currentDate } from '../current-date.ts';

/** In whole seconds, as Node's server writes it. Callers may rely on it. */
export function keepAliveLines(idleTimeoutMs: number): string {
  const seconds = Math.floor(idleTimeoutMs / 1000);
  return `Connection: keep-alive\r\nKeep-Alive: timeout=${seconds}\r\n`;
}

export const closeLines = 'Connection: close\r\n';

/** One entry for each status that was ever answered. */
const statusLines = new Map<number, string>();

/**
 * The head of an answer, with the empty line: byte for byte what Node's server writes. The values
 * come from the endpoint or were checked by it (the correlation id): visible ASCII without line
 * ends.
 */
export function answerHead(
  status: number,
  headers: Readonly<Record<string, string | number>>,
  connectionLines: string,
): string {
  let head = statusLines.get(status) ?? statusLine(status);
  for (const name in headers) head += `${name}: ${headers[name]}\r\n`;
  return `${head}Date: ${currentDate()}\r\n${connectionLines}\r\n`;
}

function statusLine(status: number): string {
  const line = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'unknown'}\r\n`;
  statusLines.set(status, line);
  return line;
}
