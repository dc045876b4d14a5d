import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/**
 * Licences ask that their text goes with the code. Packages with the same text share it, because the package has
 * a limit. Throws if a package has no such text.
 */
export function writeLicences(file: string, packages: readonly string[]): void {
  const names = new Map<string, string[]>();
  for (const folder of packages) {
    const { name, version, license } = JSON.parse(
      readFileSync(path.join(folder, 'package.json'), 'utf8'),
    ) as Record<string, string>;
    const found = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
    const text =
      found === undefined ? textWithout(name!, license) : readFileSync(path.join(folder, found));
    const same = String(text)
      .replaceAll(/[ \t\r]+$/gm, '')
      .trim();
    names.set(same, [...(names.get(same) ?? []), `${name} ${version} (${license})`]);
  }
  const texts = [...names].map(([text, of]) => `${of.join('\n')}\n\n${text}\n`);
  const head = 'Headgate contains code of these packages, each under its own licence.\n';
  writeFileSync(file, [head, ...texts].join(`\n${'-'.repeat(80)}\n\n`));
}

/** Some packages carry no text of their licence; that of Apache-2.0 is ours too. */
function textWithout(name: string, license: string | undefined): string | Buffer {
  if (license?.includes('Apache-2.0') === true) return readFileSync('LICENSE');
  throw new Error(`${name} has no licence file: find its text (${license}) before it is shipped`);
}
