import { randomBytes } from 'node:crypto';
import { Command, InvalidArgumentError } from 'commander';
import { eventGlobPattern, hashWriteKey, sourcePattern } from '../config/write-key.ts';

interface NewKeyOptions {
  readonly source: string;
  readonly events?: readonly string[];
  readonly json?: true;
}

/** `headgate keys`: write keys. Needs no running gate: keys live in the file of the operator. */
export function keysCommand(
  write: (text: string) => void = (text) => void process.stdout.write(text),
): Command {
  const keys = new Command('keys').description('make write keys');
  keys
    .command('new')
    .description('make a write key; it is shown once, and only its hash is configured')
    .requiredOption(
      '--source <source>',
      'the sender that the key identifies, e.g. checkout',
      readSource,
    )
    .option('--events <globs>', 'events it may send, e.g. order_*,cart_* (default: all)', readGlobs)
    .option('--json', 'print JSON')
    .action((options: NewKeyOptions) => write(describeNewKey(options)));
  return keys;
}

function describeNewKey(options: NewKeyOptions): string {
  const { source, events } = options;
  const key = `hg_${randomBytes(32).toString('base64url')}`;
  const hash = hashWriteKey(key);
  const globs = events ? `, events: ${JSON.stringify(events)}` : '';
  const line = `  - { source: ${JSON.stringify(source)}, hash: "${hash}"${globs} }`;
  if (options.json) {
    return `${JSON.stringify({ source, key, hash, ...(events && { events }), yaml: line })}\n`;
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

function readSource(text: string): string {
  if (sourcePattern.test(text)) return text;
  throw new InvalidArgumentError(
    'Begin with a letter or digit, then at most 63 of a-z, 0-9, _ and -.',
  );
}

function readGlobs(text: string): string[] {
  const globs = text.split(',').map((glob) => glob.trim());
  if (globs.every((glob) => eventGlobPattern.test(glob))) return globs;
  throw new InvalidArgumentError('Write names with a-z, 0-9, _ and *, with commas between.');
}
