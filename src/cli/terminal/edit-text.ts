import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { StartError } from '../../errors.ts';

/** Opens a text in an editor and returns the new text. Throws a StartError if unchanged. */
export async function editText(
  text: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  const editor = [env['VISUAL'], env['EDITOR']].find(
    (each) => each !== undefined && each.trim() !== '',
  );
  if (editor === undefined) {
    throw new StartError('No editor is set: set EDITOR, or use --set path=value.');
  }
  // A private folder, because the event may hold personal data.
  const folder = await mkdtemp(path.join(tmpdir(), 'headgate-edit-'));
  try {
    const file = path.join(folder, 'event.json');
    const shown = laidOut(text);
    await writeFile(file, shown, { mode: 0o600 });
    await runEditor(editor, file);
    const changed = await readFile(file, 'utf8');
    if (changed === shown)
      throw new StartError('The text was not changed in the editor, so nothing was done.');
    return changed.trim();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Indents JSON, unless that would change a number. */
function laidOut(text: string): string {
  try {
    const value: unknown = JSON.parse(text);
    return JSON.stringify(value) === text ? `${JSON.stringify(value, undefined, 2)}\n` : text;
  } catch {
    return text;
  }
}

async function runEditor(editor: string, file: string): Promise<void> {
  // By a shell, as other programs do: the variable may hold options.
  const child = spawn('/bin/sh', ['-c', `${editor} "$1"`, 'sh', file], { stdio: 'inherit' });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new StartError('The editor failed, so nothing was changed.');
}
