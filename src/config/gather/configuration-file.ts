import { parseDocument, type YAMLError } from 'yaml';

/** The default path of the file. */
export const defaultConfigFile = 'headgate.yaml';

/** Parser messages that never quote the file. Other messages might show a secret. */
const safeCodes: ReadonlySet<string> = new Set([
  'BAD_INDENT',
  'BLOCK_AS_IMPLICIT_KEY',
  'MISSING_CHAR',
  'MULTILINE_IMPLICIT_KEY',
  'MULTIPLE_DOCS',
  'TAB_AS_INDENT',
]);

/** The result of reading a file. `tree` is undefined if the file is absent or invalid. */
export interface ConfigurationFile {
  /** The path as named, for messages. */
  readonly name: string;
  readonly tree: ReadonlyMap<unknown, unknown> | undefined;
  /** Names that the file asks for with `${NAME}`. */
  readonly asksFor: ReadonlySet<string>;
  /** True if the file exists but is not YAML, so that its content is unknown. */
  readonly broken: boolean;
}

/** Reads the file. Problems are added to `faults`. */
export function loadConfigurationFile(
  named: string | undefined,
  readFile: (path: string) => string,
  faults: string[],
): ConfigurationFile {
  const name = named ?? defaultConfigFile;
  const none = { name, tree: undefined, asksFor: new Set<string>() };
  let text: string;
  try {
    text = readFile(name);
  } catch (error) {
    const code = errorCodeOf(error);
    if (named === undefined && code === 'ENOENT') return { ...none, broken: false };
    faults.push(
      code === 'ENOENT'
        ? `${name}: no such file: fix --config or HEADGATE_CONFIG, or create the file`
        : `${name}: cannot be read (${code}): make it a file that this user may read`,
    );
    return { ...none, broken: true };
  }
  const tree = parseTree(text, name, faults);
  const asksFor = new Set([...text.matchAll(referencePattern)].map((match) => match[1] ?? ''));
  return { name, tree, asksFor, broken: tree === undefined };
}

/** Maps stay maps, so that a key such as `__proto__` is an ordinary key. */
function parseTree(
  text: string,
  name: string,
  faults: string[],
): ReadonlyMap<unknown, unknown> | undefined {
  const document = parseDocument(text, { prettyErrors: true });
  // A warning is an unknown tag: a value that would not be read as it was meant.
  const errors = [...document.errors, ...document.warnings];
  for (const error of errors) faults.push(`${name}: ${describeYamlError(error, text)}`);
  if (errors.some((error) => error.code !== 'DUPLICATE_KEY')) return undefined;
  let tree: unknown;
  try {
    tree = document.toJS({ mapAsMap: true });
  } catch {
    faults.push(`${name}: an alias without its anchor: put quotes around text that begins with *`);
    return undefined;
  }
  if (tree === null || tree === undefined) return new Map();
  if (tree instanceof Map) return tree;
  faults.push(`${name}: is not a map of settings: write lines such as \`listen: 127.0.0.1:8080\``);
  return undefined;
}

/** `prettyErrors` gives the line, but also appends lines of the file, which may hold a secret. */
function describeYamlError(error: YAMLError, text: string): string {
  const [start] = error.linePos ?? [{ line: 1, col: 1 }];
  const place = `line ${start.line}, column ${start.col}`;
  if (error.code === 'DUPLICATE_KEY') {
    const key = /^[\w.-]+/.exec(text.slice(error.pos[0]))?.[0] ?? '';
    return `${place}: the key ${key} is there twice: remove one of the two`;
  }
  const [said = ''] = error.message.split(' at line ');
  const detail = safeCodes.has(error.code) ? `: ${said}` : '';
  return `${place}: is not YAML (${error.code})${detail}: fix it, or put quotes around the text`;
}

/** `$${` is an escaped `${`. */
const referencePattern = /(?<!\$)\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/**
 * Puts the environment's values in place of each `${NAME}`. What was put in is not looked at again,
 * so that a secret may hold any characters. A missing name goes to `faults`: then undefined.
 */
export function expandReferences(
  text: string,
  env: Readonly<Record<string, string | undefined>>,
  from: string,
  faults: string[],
): string | undefined {
  let whole = true;
  const fail = (fault: string): string => {
    faults.push(`${from}: ${fault}`);
    whole = false;
    return '';
  };
  const expanded = text.replaceAll(/\$?\$\{([^}]*)(\}?)/g, (match, name: string, end: string) => {
    if (match.startsWith('$$')) return match.slice(1);
    if (end === '' || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      return fail('holds ${ without a name and }: write ${NAME}, or $${ for the characters');
    }
    const value = env[name];
    if (value !== undefined && value !== '') return value;
    return fail(`asks for \${${name}}, which the environment does not have: set ${name}`);
  });
  return whole ? expanded : undefined;
}

function errorCodeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : 'unknown reason';
}
