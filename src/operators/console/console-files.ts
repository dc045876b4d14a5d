import { createHash } from 'node:crypto';
import { lstat, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';

/** A file of the console, with every encoding in which it is sent. */
export interface ConsoleFile {
  readonly contentType: string;
  /** The name says what is in it: browsers keep it for good. */
  readonly isImmutable: boolean;
  /** Of the content: part of the ETag. */
  readonly hash: string;
  readonly plain: Buffer;
  /** Undefined where it would not be smaller. */
  readonly br: Buffer | undefined;
  readonly gzip: Buffer | undefined;
}

/** The files by the path of their URL: `/` and `/assets/index-3fa2.js`. Empty without a build. */
export type ConsoleFiles = ReadonlyMap<string, ConsoleFile>;

/** Where `npm run build:console` writes, in the repository and in the package. */
export const consoleFolder = fileURLToPath(new URL('../../../dist/console', import.meta.url));

/** Files that are hidden, or in other folders, or of other types, are not served. */
const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/;

const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.json': 'application/json',
  '.txt': 'text/plain; charset=utf-8',
};
/** These are compressed already. */
const packedTypes: ReadonlySet<string> = new Set(['.png', '.ico', '.woff2']);

/** A console of 200 KiB compressed has some dozen files. Those beyond are not served. */
export const filesMax = 200;
export const fileBytesMax = 4 * 1024 * 1024;

/** Close to the best; the best takes ten times as long. */
const brotliQuality = 9;

const brotli = promisify(brotliCompress);
const gzipped = promisify(gzip);

/**
 * Reads index.html and the files of assets/ into memory, so that no request names a file of the disk.
 * Empty if index.html does not exist. Rejects if a file cannot be read.
 */
export async function readConsoleFiles(folder: string): Promise<ConsoleFiles> {
  const files = new Map<string, ConsoleFile>();
  const index = await readOne(folder, 'index.html', false);
  if (index === undefined) return files;
  for (const name of await namesIn(path.join(folder, 'assets'))) {
    const file = await readOne(path.join(folder, 'assets'), name, true);
    if (file !== undefined) files.set(`/assets/${name}`, file);
  }
  files.set('/', index);
  return files;
}

async function namesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(ifMissing([]));
  return entries
    .filter((entry) => entry.isFile() && namePattern.test(entry.name))
    .map(({ name }) => name)
    .sort()
    .slice(0, filesMax);
}

async function readOne(
  folder: string,
  name: string,
  isImmutable: boolean,
): Promise<ConsoleFile | undefined> {
  const extension = path.extname(name);
  const contentType = contentTypes[extension];
  const file = path.join(folder, name);
  // Of the link, not of what it leads to: a link may lead anywhere.
  const found = await lstat(file).catch(ifMissing(undefined));
  if (contentType === undefined || !found?.isFile() || found.size > fileBytesMax) return undefined;
  const plain = await readFile(file);
  const hash = createHash('sha256').update(plain).digest('base64url').slice(0, 22);
  const packed = packedTypes.has(extension)
    ? { br: undefined, gzip: undefined }
    : await compress(plain);
  return { contentType, isImmutable, hash, plain, ...packed };
}

async function compress(plain: Buffer): Promise<Pick<ConsoleFile, 'br' | 'gzip'>> {
  const params = { [constants.BROTLI_PARAM_QUALITY]: brotliQuality };
  const [br, gz] = await Promise.all([brotli(plain, { params }), gzipped(plain, { level: 9 })]);
  const ifSmaller = (packed: Buffer): Buffer | undefined =>
    packed.length < plain.length ? packed : undefined;
  return { br: ifSmaller(br), gzip: ifSmaller(gz) };
}

function ifMissing<Value>(value: Value): (error: unknown) => Value {
  return (error) => {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return value;
    throw error;
  };
}
