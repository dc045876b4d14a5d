import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const examples = fileURLToPath(new URL('../../schemas', import.meta.url));

export interface MoreEvent {
  /** The keys of its taxonomy entry, beside owner and description. */
  readonly entry: string;
  readonly versions: readonly object[];
}

/** A folder with the example schemas and more. Removed when it is disposed of. */
export function schemasWith(
  events: Readonly<Record<string, MoreEvent>>,
  unplanned = 'reject',
): Disposable & { readonly folder: string } {
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-schemas-'));
  cpSync(examples, folder, { recursive: true });
  const file = path.join(folder, 'taxonomy.yaml');
  const lines = Object.entries(events).map(
    ([name, { entry }]) => `  ${name}: { owner: checkout, description: A test., ${entry} }\n`,
  );
  const text = readFileSync(file, 'utf8').replace('unplanned: reject ', `unplanned: ${unplanned} `);
  writeFileSync(file, `${text}\n${lines.join('')}`);
  for (const [name, { versions }] of Object.entries(events)) {
    mkdirSync(path.join(folder, name));
    for (const [index, schema] of versions.entries()) {
      writeFileSync(path.join(folder, name, `${index + 1}.json`), JSON.stringify(schema));
    }
  }
  return {
    folder,
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
