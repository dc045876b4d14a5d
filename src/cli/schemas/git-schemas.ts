import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { StartError } from '../../errors.ts';

/** A file in git. Links and submodules hold no schemas. */
const fileLine = /^100\d{3} blob ([0-9a-f]+)\t(.+)$/s;

/**
 * Calls `work` with a folder that has the schemas of a commit, branch or tag.
 * Throws a StartError if git does not know the folder or the name.
 */
export async function withSchemasAt<Result>(
  directory: string,
  ref: string,
  work: (folder: string) => Promise<Result>,
): Promise<Result> {
  // git would read a name that begins with a dash as an option.
  if (ref.startsWith('-')) throw new StartError(`${ref} is no commit, branch or tag.`);
  const tree = await git(directory, ['rev-parse', '--verify', '--quiet', `${ref}^{commit}`]).catch(
    (error: Error) => {
      throw new StartError(
        `git knows no commit ${ref} in ${directory}${reasonOf(error)}. ` +
          'Is it a clone with that history (in CI: fetch-depth: 0)?',
      );
    },
  );
  const listing = await git(directory, ['ls-tree', '-r', '-z', tree.toString().trim(), './']);
  const files = listing
    .toString()
    .split('\0')
    .flatMap((line) => {
      const [, id, name] = fileLine.exec(line) ?? [];
      return id === undefined || name === undefined ? [] : [{ id, name }];
    });
  const folder = await mkdtemp(path.join(tmpdir(), 'headgate-against-'));
  try {
    const contents = await readBlobs(
      directory,
      files.map(({ id }) => id),
    );
    for (const [index, { name }] of files.entries()) {
      const file = path.join(folder, name);
      await mkdir(path.dirname(file), { recursive: true });
      await writeFile(file, contents[index]!);
    }
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** One git process for all files: one process per file takes seconds. */
async function readBlobs(directory: string, ids: readonly string[]): Promise<Buffer[]> {
  if (ids.length === 0) return [];
  const output = await git(directory, ['cat-file', '--batch'], `${ids.join('\n')}\n`);
  const contents: Buffer[] = [];
  let at = 0;
  for (const id of ids) {
    const end = output.indexOf('\n', at);
    const size = Number(output.toString('latin1', at, end).split(' ')[2]);
    if (!Number.isInteger(size)) throw new StartError(`git does not give ${id}.`);
    contents.push(output.subarray(end + 1, end + 1 + size));
    at = end + 1 + size + 1;
  }
  return contents;
}

function git(directory: string, args: readonly string[], input = ''): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const child = spawn('git', ['-C', directory, ...args]);
    const written: Buffer[] = [];
    let errorText = '';
    child.stdout.on('data', (bytes: Buffer) => written.push(bytes));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errorText += text));
    child.on('error', (error: NodeJS.ErrnoException) =>
      reject(
        new StartError(error.code === 'ENOENT' ? 'There is no git on the PATH.' : error.message),
      ),
    );
    child.on('close', (code) => {
      if (code === 0) resolve(Buffer.concat(written));
      else reject(new Error(errorText.trim()));
    });
    // The exit code reports a git that ended early.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}

function reasonOf(error: Error): string {
  return error.message === '' ? '' : ` (${error.message.split('\n')[0]})`;
}
