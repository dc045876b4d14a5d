import { oneLine } from './print.ts';

/** Text of others on one line, which must not become markup. */
export function markdownText(text: string): string {
  return oneLine(text).replaceAll(/[|<>\\*_[\]`]/g, '\\$&');
}
