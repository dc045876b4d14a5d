/**
 * Writes docs/openapi.json: what a gate with the defaults and with keys serves at /openapi.json.
 *
 *     node scripts/generate/openapi.ts [--check]
 *
 * With `--check` nothing is written: it exits 1 when the committed file is another.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

import { readConfig } from '../../src/config/read-config.ts';
import { destinationTypes } from '../../src/destinations/registry.ts';
import { openApiDocument } from '../../src/gate/openapi/openapi.ts';

const docsFile = new URL('../../docs/openapi.json', import.meta.url);

const { limits } = readConfig({
  env: {},
  configFile: 'headgate.yaml',
  readFile: () => '',
  destinationTypes,
});
const text = `${JSON.stringify(JSON.parse(openApiDocument(limits, 'keys')), null, 1)}\n`;

if (!process.argv.includes('--check')) writeFileSync(docsFile, text);
else if (!existsSync(docsFile) || readFileSync(docsFile, 'utf8') !== text) {
  process.stderr.write('docs/openapi.json is stale: run node scripts/generate/openapi.ts\n');
  process.exitCode = 1;
}
