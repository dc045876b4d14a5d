import type { FieldPath, FieldRules } from '../config.ts';
import type { Secret } from '../secret.ts';

/** The values of the settings below `fields`, and the location of each. */
export interface FieldSettings {
  readonly allow: readonly string[] | undefined;
  readonly drop: readonly string[] | undefined;
  readonly hash: readonly string[] | undefined;
  readonly hashKey: Secret | undefined;
  readonly from: (setting: 'allow' | 'drop' | 'hash' | 'hash_key') => string;
}

/** The fields that a path can name. All other fields identify the event and always leave. */
const roots: readonly string[] = ['user_id', 'anonymous_id', 'properties', 'context'];
/** The roots that have members. */
const containers: readonly string[] = ['properties', 'context'];

/** An HMAC is as hard to undo as its key is to guess. */
const hashKeyCharactersMin = 16;
/** Every path is evaluated for every event. */
const pathsMax = 1_000;

/** Reads the rules and adds problems to `faults`. Undefined if there are no rules. */
export function buildFields(settings: FieldSettings, faults: string[]): FieldRules | undefined {
  const { hashKey, from } = settings;
  const allow = readPaths(settings.allow, from('allow'), faults);
  const drop = readPaths(settings.drop, from('drop'), faults) ?? [];
  const hash = readPaths(settings.hash, from('hash'), faults) ?? [];
  validateHash(settings, faults);
  for (const [index, path] of hash.entries()) {
    const item = `${from('hash')}: item ${index + 1}`;
    if (drop.some((dropped) => covers(dropped, path))) {
      faults.push(`${item} is dropped by fields.drop, and so never hashed: remove one of the two`);
    }
    if (allow !== undefined && !allow.some((kept) => covers(kept, path) || covers(path, kept))) {
      faults.push(
        `${item} is not in fields.allow, and so never leaves: add it there, or remove it`,
      );
    }
  }
  if (allow === undefined && drop.length === 0 && hash.length === 0) return undefined;
  return { allow, drop, hash, hashKey };
}

function validateHash({ hash, hashKey, from }: FieldSettings, faults: string[]): void {
  if (hash !== undefined && hashKey === undefined) {
    faults.push(
      `${from('hash')}: needs fields.hash_key: a bare hash of an address or a number can be undone by ` +
        'trying them all. Make one with `openssl rand -hex 32`',
    );
  }
  if (hashKey === undefined) return;
  if (hash === undefined) {
    faults.push(
      `${from('hash_key')}: has no paths to hash: name paths in fields.hash, or remove it`,
    );
  }
  if (hashKey.reveal().length < hashKeyCharactersMin) {
    faults.push(
      `${from('hash_key')}: is shorter than ${hashKeyCharactersMin} characters, and could be guessed: ` +
        'make one with `openssl rand -hex 32`',
    );
  }
}

function readPaths(
  texts: readonly string[] | undefined,
  from: string,
  faults: string[],
): FieldPath[] | undefined {
  if (texts === undefined) return undefined;
  if (texts.length > pathsMax) {
    faults.push(`${from}: has ${texts.length} paths: give ${pathsMax} or fewer`);
    return [];
  }
  const paths: FieldPath[] = [];
  for (const [index, text] of texts.entries()) {
    const path = readPath(text);
    if (typeof path === 'string') faults.push(`${from}: item ${index + 1} ${path}`);
    else paths.push(path);
  }
  return paths;
}

/** Reads a JSON Pointer (RFC 6901) in which `*` is any member. Returns a text if it is invalid. */
function readPath(text: string): FieldPath | string {
  const example = 'as in /user_id, /properties/email, /context/ip or /properties/items/*/note';
  if (!text.startsWith('/')) return `is not a path: begin with /, ${example}`;
  if (/~(?![01])/.test(text)) return 'has an invalid ~ escape: write ~0 for ~, and ~1 for /';
  const path = text
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
  const [root] = path;
  if (!roots.includes(root!)) {
    return `names no field that can be left out: begin with ${roots.map((one) => `/${one}`).join(', ')}`;
  }
  if (path.length > 1 && !containers.includes(root!))
    return `continues after /${root}, which is a text`;
  return path;
}

/** Whether `wide` covers everything that `path` names. */
function covers(wide: FieldPath, path: FieldPath): boolean {
  return (
    wide.length <= path.length &&
    wide.every((token, index) => token === '*' || token === path[index])
  );
}
