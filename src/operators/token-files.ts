import { randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { operatorTokenLengthMin } from '../config/build/rules.ts';
import { createSecret, type Secret } from '../config/secret.ts';
import { StartError } from '../errors.ts';

/** The tokens that the admin port accepts. */
export interface OperatorTokens {
  /** Every RPC and page. */
  readonly admin: Secret;
  /** `/metrics` alone, for scrapers. Undefined if there is none. */
  readonly metrics: Secret | undefined;
}

export interface TokenSettings {
  readonly dataDir: string;
  readonly admin: {
    readonly token?: Secret | undefined;
    readonly metricsToken?: Secret | undefined;
  };
}

/** Tokens are made at the first start and stay. Each file holds one line. */
export const tokenFiles = { admin: 'admin-token', metrics: 'metrics-token' } as const;

const folderMode = 0o700;
const fileMode = 0o600;

/**
 * The tokens of the configuration. A token that it does not set is read from its file in the data
 * directory, which is made if it does not exist. A metrics token is not made if the data directory
 * cannot be written, because the admin token opens `/metrics` too.
 *
 * Throws a StartError if the admin token can neither be read nor made, if others can read its file, or if
 * the two are the same.
 */
export function loadOperatorTokens(settings: TokenSettings): OperatorTokens {
  const tokens = readTokens(settings);
  if (tokens.metrics?.reveal() === tokens.admin.reveal()) {
    throw new StartError(
      'The admin token and the metrics token are the same, so that a scraper could use every RPC. ' +
        `Delete ${path.join(settings.dataDir, tokenFiles.metrics)}, and the next start makes another, or ` +
        'make another admin.token with `openssl rand -hex 24`.',
    );
  }
  return tokens;
}

function readTokens({ dataDir, admin }: TokenSettings): OperatorTokens {
  const fromFile = (kind: keyof typeof tokenFiles): Secret =>
    readToken(path.join(dataDir, tokenFiles[kind]), `hg_${kind}_`);
  if (admin.token === undefined) {
    return { admin: fromFile('admin'), metrics: admin.metricsToken ?? fromFile('metrics') };
  }
  return {
    admin: admin.token,
    metrics: admin.metricsToken ?? ifPossible(() => fromFile('metrics')),
  };
}

/** The admin token's file, for a command on the same machine. Undefined if it cannot be read. */
export function readAdminTokenFile(dataDir: string): string | undefined {
  try {
    return readFileSync(path.join(dataDir, tokenFiles.admin), 'utf8').trim() || undefined;
  } catch {
    return undefined;
  }
}

function ifPossible<Value>(make: () => Value): Value | undefined {
  try {
    return make();
  } catch {
    return undefined;
  }
}

function readToken(file: string, prefix: string): Secret {
  try {
    createOnce(file, `${prefix}${randomBytes(32).toString('base64url')}\n`);
    const mode = statSync(file).mode & 0o777;
    if ((mode & 0o077) !== 0) {
      throw new StartError(
        `Other users can read ${file} (mode ${mode.toString(8)}). Run chmod 600 on it, or delete it ` +
          'so that the next start makes another token.',
      );
    }
    const token = readFileSync(file, 'utf8').trim();
    if (token.length < operatorTokenLengthMin || /[^\u0021-\u007e]/.test(token)) {
      throw new StartError(
        `${file} holds no token: delete it, and the next start makes one. A token of your own has ` +
          `at least ${operatorTokenLengthMin} visible ASCII characters.`,
      );
    }
    return createSecret(token);
  } catch (cause) {
    if (cause instanceof StartError) throw cause;
    throw new StartError(
      `The token of the admin port cannot be kept in ${file} (${(cause as Error).message}). Fix the ` +
        'permissions of the data directory, or set HEADGATE_ADMIN_TOKEN.',
      { cause },
    );
  }
}

/** Of several processes that start at once, one makes the file, complete, and all read the same. */
function createOnce(file: string, text: string): void {
  if (statSync(file, { throwIfNoEntry: false }) !== undefined) return;
  mkdirSync(path.dirname(file), { recursive: true, mode: folderMode });
  // Not by its process id: in a container that is always the same, and one that was killed left its file.
  const temporary = `${file}.${randomBytes(6).toString('hex')}`;
  writeFileSync(temporary, text, { mode: fileMode, flag: 'wx' });
  try {
    linkSync(temporary, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
}
