import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** Writes a folder of contracts that take any object, one for each name. The names end with `_completed`. */
export function writeOpenContracts(schemasDir: string, names: readonly string[]): void {
  for (const name of names) {
    mkdirSync(path.join(schemasDir, name), { recursive: true });
    writeFileSync(path.join(schemasDir, name, '1.json'), '{"type":"object"}');
  }
  const entries = names.map((name) => `  ${name}: { owner: bench, description: One., active: 1 }`);
  const taxonomy = ['verbs: [completed]', 'unplanned: reject', 'events:', ...entries, ''];
  writeFileSync(path.join(schemasDir, 'taxonomy.yaml'), taxonomy.join('\n'));
}
