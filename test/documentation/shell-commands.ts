import type { Fence } from './markdown.ts';

/**
 * The shell of a fenced block: all of it in `sh` and `bash`; in a block without a language the lines that
 * begin with `$ `, and what they continue with. Empty: the block has none.
 */
export function shellOf({ language, text }: Fence): string {
  if (language === 'sh' || language === 'bash') return text;
  if (language !== '' && language !== 'console') return '';
  const shown: string[] = [];
  let command: string | undefined;
  for (const line of text.split('\n')) {
    if (command !== undefined) command += `\n${line}`;
    else if (line.startsWith('$ ')) command = line.slice(2);
    if (command === undefined || continues(command)) continue;
    shown.push(`${command}\n`);
    command = undefined;
  }
  return shown.join('');
}

/** The next line belongs to it: it ends with a backslash, or within quotes. */
function continues(command: string): boolean {
  const rest = command.replaceAll(/'[^']*'|"(?:\\.|[^"\\])*"|\\./gs, '');
  return rest.endsWith('\\') || /['"]/.test(rest);
}

/** Separators, then words: quoted text and plain text may follow each other in one word. */
const tokenPattern =
  /(?<comment>(?<=^|\s)#[^\n]*)|(?<separator>\n|&&|\|\||[;|&])|(?<word>(?:'[^']*'|"(?:\\.|[^"\\])*"|\\.|[^\s'"\\;|&])+)/gs;

/** Each command of a script as its words, without quotes, variables set before it, and redirections. */
export function commandsOf(script: string): string[][] {
  const commands: string[][] = [[]];
  for (const { groups } of withoutHereDocuments(script).matchAll(tokenPattern)) {
    const { separator, word } = groups!;
    if (separator !== undefined) commands.push([]);
    else if (word !== undefined) commands.at(-1)!.push(word);
  }
  return commands.map(plainWords).filter((words) => words.length > 0);
}

function withoutHereDocuments(script: string): string {
  return script
    .replaceAll('\\\n', ' ')
    .replaceAll(/<<-?'?(\w+)'?([^\n]*)\n[\s\S]*?^\1$/gm, (_whole, _word, rest: string) => rest);
}

function plainWords(words: readonly string[]): string[] {
  const begin = words.findIndex((word) => !/^[A-Z_]+=/.test(word));
  const plain: string[] = [];
  for (let index = begin === -1 ? words.length : begin; index < words.length; index += 1) {
    const word = words[index]!;
    if (/^\d?[<>]+$/.test(word)) index += 1;
    else if (!/^\d?[<>]/.test(word)) plain.push(unquoted(word));
  }
  return plain;
}

function unquoted(word: string): string {
  return word.replaceAll(
    /'([^']*)'|"((?:\\.|[^"\\])*)"|\\(.)/gs,
    (_whole, single?: string, double?: string, escaped?: string) =>
      single ?? double?.replaceAll(/\\(.)/gs, '$1') ?? escaped ?? '',
  );
}
