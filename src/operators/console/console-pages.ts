import { stat } from 'node:fs/promises';
import path from 'node:path';

import { headerOf, reply, type Exchange } from '../../gate/exchange.ts';
import { cutOffWhenAnswered } from '../../http/http-call.ts';
import { readConsoleFiles, type ConsoleFile, type ConsoleFiles } from './console-files.ts';
import { consoleHeaders } from './console-headers.ts';

export interface ConsolePages {
  /**
   * Answers a request for a file of the console, or for one of its pages. Returns false for every other
   * request, and leaves it untouched.
   */
  serve(exchange: Exchange, path: string): boolean;
  /** Whether there is a build to serve. Rejects if it cannot be read. */
  isBuilt(): Promise<boolean>;
}

export interface ConsolePagesOptions {
  readonly folder: string;
  /** Whether another endpoint of the port has this path. */
  readonly isTaken: (path: string) => boolean;
  readonly onTrouble: (error: unknown) => void;
}

/** Whoever builds while the service runs sees the new build after this time. */
const checkIntervalMs = 1_000;

const notBuilt =
  'The console is not built. In the repository, run: npm run build:console\n' +
  'The package of npm brings it. Everything else on this port works without it.\n';
const notReadable = 'The files of the console cannot be read: see the log of the service.\n';
const noSuchFile = 'The console has no such file. Load the page again.\n';

/**
 * Serves the console. Its files need no token: they are the same for everybody and hold no data, and
 * the page that asks for the token is one of them.
 */
export function createConsolePages(options: ConsolePagesOptions): ConsolePages {
  const current = createCurrentFiles(options.folder);
  const answer = async (exchange: Exchange, wanted: string): Promise<void> => {
    const files = await current();
    const file = files.get(wanted);
    if (file !== undefined) sendFile(exchange, file);
    else sendNote(exchange, 404, files.size === 0 ? notBuilt : noSuchFile);
  };
  return {
    isBuilt: async () => (await current()).size > 0,
    serve: (exchange, asked) => {
      if (exchange.call.method !== 'GET') return false;
      const isAsset = asked === '/assets' || asked.startsWith('/assets/');
      if (!isAsset && asked !== '/' && !isPage(exchange, asked, options)) return false;
      answer(exchange, isAsset ? asked : '/').catch((error: unknown) => {
        options.onTrouble(error);
        sendNote(exchange, 500, notReadable);
      });
      return true;
    },
  };
}

/** The pages of the console are one file: it reads its path itself. Programs do not ask for HTML. */
function isPage(exchange: Exchange, asked: string, { isTaken }: ConsolePagesOptions): boolean {
  return headerOf(exchange, 'accept').includes('text/html') && !isTaken(asked);
}

/**
 * Reads the files at the first request, and again after another build. Those that were read stay until there are all of
 * a new one: an upgrade of the package, or a build, removes them and writes the new ones one by one.
 */
function createCurrentFiles(folder: string): () => Promise<ConsoleFiles> {
  let checkedAtMs = -Infinity;
  let builtAtMs: number | undefined;
  let files: ConsoleFiles = new Map();
  const read = async (): Promise<ConsoleFiles> => {
    const { mtimeMs } = await stat(path.join(folder, 'index.html')).catch(() => ({ mtimeMs: 0 }));
    if (mtimeMs === 0 || mtimeMs === builtAtMs) return files;
    const found = await readConsoleFiles(folder);
    if (isWhole(found)) {
      files = found;
      builtAtMs = mtimeMs;
    }
    return files;
  };
  let reading = Promise.resolve(files);
  return () => {
    if (performance.now() - checkedAtMs >= checkIntervalMs) {
      checkedAtMs = performance.now();
      // A failure is of one reading: the next request after the interval tries again.
      reading = read();
    }
    return reading;
  };
}

const assetName = /\/assets\/[\w.-]+/g;

/** Whether every file is there that the page names. */
function isWhole(files: ConsoleFiles): boolean {
  const page = files.get('/');
  if (page === undefined) return false;
  return (page.plain.toString().match(assetName) ?? []).every((name) => files.has(name));
}

function sendFile(exchange: Exchange, file: ConsoleFile): void {
  const encoding = encodingFor(headerOf(exchange, 'accept-encoding'), file);
  const etag = `"${file.hash}${encoding === 'plain' ? '' : `-${encoding}`}"`;
  const headers: Record<string, string | number> = {
    ...consoleHeaders,
    etag,
    vary: 'accept-encoding',
    'cache-control': file.isImmutable ? 'public, max-age=31536000, immutable' : 'no-cache',
  };
  if (
    headerOf(exchange, 'if-none-match')
      .split(/\s*,\s*/)
      .includes(etag)
  ) {
    sendNotModified(exchange, headers);
    return;
  }
  headers['content-type'] = file.contentType;
  if (encoding !== 'plain') headers['content-encoding'] = encoding;
  reply(exchange, 200, headers, file[encoding]!);
}

/** Without a length: that of a 304 would be of the file that is not sent. */
function sendNotModified(
  { call, correlationId }: Exchange,
  headers: Record<string, string | number>,
) {
  if (call.answered) return;
  headers['x-correlation-id'] = correlationId;
  cutOffWhenAnswered(call);
  call.reply(304, headers, '');
}

type Encoding = 'br' | 'gzip' | 'plain';

/** The smallest encoding that the browser takes and the file has. */
function encodingFor(accepted: string, file: ConsoleFile): Encoding {
  const taken = new Set(
    accepted
      .split(',')
      .map((each) =>
        each
          .trim()
          .toLowerCase()
          .split(/\s*;\s*/),
      )
      .filter(([, weight = '']) => !/^q=0(\.0*)?$/.test(weight))
      .map(([name]) => name),
  );
  const found = (['br', 'gzip'] as const).find(
    (each) => taken.has(each) && file[each] !== undefined,
  );
  return found ?? 'plain';
}

function sendNote(exchange: Exchange, status: number, text: string): void {
  const headers = {
    ...consoleHeaders,
    'content-type': 'text/plain; charset=utf-8',
    'cache-control': 'no-store',
  };
  reply(exchange, status, headers, text);
}
