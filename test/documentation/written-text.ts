import { blank } from './private-words.ts';

/*
 * What people read of a file. Everything else is blanked, so that lines stay where they are.
 */

/** A page without its code, its comments and where its links lead: names may be what they are. */
export function textOfPage(page: string): string {
  return page
    .replaceAll(/^( *)```[\s\S]*?^\1```$/gm, blank)
    .replaceAll(/<!--[\s\S]*?-->/g, blank)
    .replaceAll(/`[^`]+`/g, blank)
    .replaceAll(/\]\([^)\s]+\)/g, blank)
    .replaceAll(/https?:\/\/\S+/g, blank);
}

/** In order: the first that matches at a place is what stands there. */
const codePattern =
  /(?<comment>\/\/[^\n]*|\/\*[\s\S]*?\*\/)|(?<string>'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`)|(?<regexp>(?<=[=(,:[!&|?{};\n]\s*)\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*)|(?<other>[^'"`/]+|\/)/g;

/** Comments without the code in them, and the strings that are sentences: those with a space. */
export function textOfTypeScript(source: string): string {
  return source.replaceAll(codePattern, (whole, ...rest) => {
    const { comment, string } = rest.at(-1) as Record<string, string | undefined>;
    if (comment !== undefined) return withoutCode(comment);
    if (string === undefined || !/\w \w/.test(string)) return blank(whole);
    return string.replaceAll(/\$\{[^}]*\}/g, blank);
  });
}

/** Comments that begin with `//`, as in proto files. */
export function textOfProto(source: string): string {
  return source
    .split('\n')
    .map((line) => withoutCode(/\/\/.*$/.exec(line)?.[0] ?? ''))
    .join('\n');
}

/** All but keys, and values of one word: comments are there, and the texts of alerts. */
export function textOfYaml(source: string): string {
  return source
    .split('\n')
    .map((line) =>
      withoutCode(line.replaceAll(/[\w.-]+:\s*[\w.-]*(?=\s*(?:[,}#]|$))|[\w.-]+:/g, blank)),
    )
    .join('\n');
}

function withoutCode(text: string): string {
  return text.replaceAll(/`[^`]+`/g, blank).replaceAll(/https?:\/\/\S+/g, blank);
}
