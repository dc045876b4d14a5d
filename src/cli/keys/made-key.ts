import { closeSync, openSync, rmSync, writeSync } from 'node:fs';

import { timestampDate } from '@bufbuild/protobuf/wkt';
import { Option } from 'commander';

import type { WriteKey } from '../../../gen/headgate/v1/key_service_pb.ts';
import { StartError } from '../../errors.ts';
import { print } from '../terminal/print.ts';

/** The options of commands that make a key. */
export interface MadeKeyOptions {
  readonly out?: string;
  readonly json?: true;
}

export function outOption(): Option {
  return new Option('--out <file>', 'write the key into a new file that only its owner may read');
}

interface MadeAnswer {
  readonly secret: string;
}

/**
 * Makes a key, and writes it into the file of `--out`. The file comes first: if it cannot be created,
 * no key is made. If no key is made, no file is left. Throws a StartError.
 */
export async function makeInto<Answer extends MadeAnswer>(
  file: string | undefined,
  make: () => Promise<Answer>,
): Promise<Answer> {
  if (file === undefined) return make();
  const descriptor = createKeyFile(file);
  try {
    const made = await make();
    writeSync(descriptor, `${made.secret}\n`);
    return made;
  } catch (error) {
    rmSync(file, { force: true });
    throw error;
  } finally {
    closeSync(descriptor);
  }
}

function createKeyFile(file: string): number {
  try {
    return openSync(file, 'wx', 0o600);
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code;
    throw new StartError(
      why === 'EEXIST'
        ? `${file} exists, and is not overwritten: name another file. No key was made.`
        : `${file} cannot be written (${why}). No key was made.`,
      { cause },
    );
  }
}

/** The key goes to standard output alone, so that it can be piped; what people read, to the other. */
export function showMadeKey(
  key: WriteKey,
  secret: string,
  lines: readonly string[],
  { out, json }: MadeKeyOptions,
): void {
  const { id, source } = key;
  if (json) {
    const expiresAt = key.expiresAt && timestampDate(key.expiresAt).toISOString();
    print(JSON.stringify({ id, source, ...(out === undefined && { key: secret }), expiresAt }));
  } else if (out === undefined) print(secret);
  const where = out === undefined ? 'it is not shown again' : `it is in ${out}`;
  const text = [`${id} is the id of the new write key of ${source}; ${where}.`, ...lines].join(
    '\n',
  );
  process.stderr.write(`${text}\n`);
}

/** `at 2027-...`, or `never`. */
export function timeText(time: WriteKey['expiresAt'], otherwise: string): string {
  return time === undefined ? otherwise : timestampDate(time).toISOString();
}
