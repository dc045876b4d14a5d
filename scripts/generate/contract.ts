import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { filesBelow, type Generated } from './generated.ts';
import { schemaDialectCode } from './schema-dialect.ts';

/** gen/: what `buf generate` makes of proto/, and the validator of JSON Schema's own schema. */
export function generateContract(root: string): Generated {
  const scratch = mkdtempSync(path.join(os.tmpdir(), 'headgate-gen-'));
  try {
    execFileSync('buf', ['generate', '--output', scratch], { cwd: root, stdio: 'inherit' });
    const files = filesBelow(scratch, 'gen').map(
      (name) => [name, readFileSync(path.join(scratch, name), 'utf8')] as const,
    );
    const dialect = ['gen/json-schema/draft-2020-12.ts', schemaDialectCode()] as const;
    return { files: new Map([...files, dialect]), folder: 'gen' };
  } finally {
    rmSync(scratch, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}
