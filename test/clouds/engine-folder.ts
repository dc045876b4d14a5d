import { existsSync, globSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where scripts/suites/clouds.ts puts the fakes of cloud services. */
export const engineFolder = fileURLToPath(
  new URL('../../.headgate/engines/clouds', import.meta.url),
);

/** A fake of Google Cloud Storage. */
export const gcsProgram = 'fake-gcs-server';

/** Fakes of Google's, built with Go from folders of the same names. */
export const pubsubProgram = 'fake-pubsub';
export const bigqueryProgram = 'fake-bigquery';

/** A fake of Snowflake. It needs other versions of packages than `ministack`, so it has a folder of its own. */
export const snowflakeProgram = 'fakesnow';
export const snowflakeFolder = path.join(engineFolder, 'snowflake');

/** A program of that folder, installed by pip; the package of `gcsProgram` has it among its data. */
export function programOf(name: string): string {
  if (name === snowflakeProgram) return path.join(snowflakeFolder, 'bin', name);
  if (name !== gcsProgram) return path.join(engineFolder, 'bin', name);
  const [found] = globSync(`lib/*/site-packages/*/vendor/${name}/bin/${name}-*`, {
    cwd: engineFolder,
  });
  return path.join(engineFolder, found ?? name);
}

/** Why a fake is missing, which is printed; undefined where it is installed. */
export function whyNoFake(name: string): string | undefined {
  if (existsSync(programOf(name))) return undefined;
  const reason = `${name} is not here; npm run test:clouds installs it`;
  console.log(`skipped, what needs a fake cloud: ${reason}`);
  return reason;
}

/** What the clients of AWS find in the environment; the fake takes any. */
export const awsEnvironment = {
  AWS_ACCESS_KEY_ID: 'AKIAFAKEFAKEFAKEFAKE',
  AWS_SECRET_ACCESS_KEY: 'fake-secret-0123456789',
  AWS_EC2_METADATA_DISABLED: 'true',
} as const;
