/**
 * The conformance cases that a server is known to fail, read from a text file. Empty lines separate
 * blocks; each block begins with its reason.
 *
 *     # Why the cases below fail, in one or more lines.
 *     failing: PATTERN      the case runs, and must fail
 *     flaky: PATTERN        the case runs, and may fail
 *     skip: PATTERN         the case does not run
 *     complaint: REGEXP     the only complaints allowed for its failing and flaky cases
 *
 * In a pattern, `*` matches one part of a case's name, and `**` any number of parts.
 */
export interface Expectations {
  readonly failing: readonly string[];
  readonly flaky: readonly string[];
  readonly skip: readonly string[];
  /** The complaints that the file does not expect of this case. */
  unexpected(caseName: string, blame: readonly string[]): string[];
}

interface Block {
  readonly patterns: readonly RegExp[];
  readonly complaints: readonly RegExp[];
}

/** Throws an Error for an unknown line, and for a block without a reason or a complaint. */
export function parseExpectations(text: string): Expectations {
  const lists = { failing: [] as string[], flaky: [] as string[], skip: [] as string[] };
  const blocks = text
    .split(/\n\s*\n/)
    .filter((part) => part.trim() !== '')
    .map((part) => parseBlock(part.trim().split('\n'), lists));
  return {
    ...lists,
    unexpected: (caseName, blame) => {
      const complaints = blocks
        .filter(({ patterns }) => patterns.some((pattern) => pattern.test(`${caseName}/`)))
        .flatMap((block) => block.complaints);
      return blame.filter((line) => !complaints.some((complaint) => complaint.test(line)));
    },
  };
}

function parseBlock(
  lines: readonly string[],
  lists: Record<'failing' | 'flaky' | 'skip', string[]>,
): Block {
  const patterns: RegExp[] = [];
  const complaints: RegExp[] = [];
  let mayFail = false;
  if (!lines[0]!.startsWith('# ')) throw new Error(`no reason stands before "${lines[0]}"`);
  for (const line of lines) {
    if (line.startsWith('#')) continue;
    const [, kind, value] = /^(failing|flaky|skip|complaint): (.+)$/.exec(line) ?? [];
    if (kind === undefined) throw new Error(`"${line}" is not a line of this file`);
    if (kind === 'complaint') complaints.push(new RegExp(`^(?:${value})$`));
    else {
      lists[kind as keyof typeof lists].push(value!);
      mayFail ||= kind !== 'skip';
      patterns.push(patternOf(value!));
    }
  }
  if (mayFail && complaints.length === 0) throw new Error(`no complaint in "${lines.join(' ')}"`);
  return { patterns, complaints };
}

/** Every part of the name ends in a slash, including the last. */
function patternOf(pattern: string): RegExp {
  const parts = pattern.split('/').map((part) => {
    if (part === '**') return '(?:[^/]+/)*';
    return part === '*' ? '[^/]+/' : `${part.replaceAll(/[.()+?^$|[\]{}\\]/g, '\\$&')}/`;
  });
  return new RegExp(`^${parts.join('')}$`);
}
