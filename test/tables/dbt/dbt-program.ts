import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Where scripts/suites/dbt.ts puts dbt. */
export const dbtFolder = fileURLToPath(new URL('../../../.headgate/engines/dbt', import.meta.url));
const programs = process.platform === 'win32' ? 'Scripts' : 'bin';
export const dbtProgram = `${dbtFolder}/${programs}/dbt`;

/** Why there is no dbt, for a test to print and skip; undefined where there is one. */
export function whyNoDbt(): string | undefined {
  if (existsSync(dbtProgram)) return undefined;
  const reason = 'there is no dbt here; npm run test:dbt installs it';
  console.log(`skipped, what needs dbt: ${reason}`);
  return reason;
}
