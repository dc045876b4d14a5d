import type { Command } from 'commander';

import { hashWriteKey, newWriteKey } from '../../config/write-key.ts';
import { readGlobs, readSource, readSourceGlobs } from './key-values.ts';

interface NewKeyOptions {
  readonly source: string;
  readonly events?: readonly string[];
  readonly relaySources?: readonly string[];
  readonly json?: true;
}

/** `headgate keys new`: a line for the file of the operator. Needs no running gate. */
export function addNewCommand(keys: Command, write: (text: string) => void): void {
  keys
    .command('new')
    .description('make a write key for headgate.yaml; it is shown once, and only its hash is kept')
    .requiredOption(
      '--source <source>',
      'the sender that the key identifies, e.g. checkout',
      readSource,
    )
    .option('--events <globs>', 'events it may send, e.g. order_*,cart_* (default: all)', readGlobs)
    .option(
      '--relay-sources <globs>',
      'the key is that of a relay: sources whose events it may forward, e.g. shop-*',
      readSourceGlobs,
    )
    .option('--json', 'print JSON')
    .action((options: NewKeyOptions) => write(describeNewKey(options)));
}

function describeNewKey(options: NewKeyOptions): string {
  const { source, events, relaySources } = options;
  const key = newWriteKey();
  const hash = hashWriteKey(key);
  const globs = events ? `, events: ${JSON.stringify(events)}` : '';
  const relays = relaySources ? `, relay_sources: ${JSON.stringify(relaySources)}` : '';
  const line = `  - { source: ${JSON.stringify(source)}, hash: "${hash}"${globs}${relays} }`;
  if (options.json) {
    const found = { ...(events && { events }), ...(relaySources && { relaySources }) };
    return `${JSON.stringify({ source, key, hash, ...found, yaml: line })}\n`;
  }
  return [
    `The write key of ${source}; it is not shown again:`,
    '',
    `  ${key}`,
    '',
    'Put this into headgate.yaml, with `auth: keys`, and start the gate again:',
    '',
    'keys:',
    line,
    '',
  ].join('\n');
}
