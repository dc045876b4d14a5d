/**
 * Writes every file that is made from another, or checks them.
 *
 *     npm run generate     # writes them
 *     npm run generated    # --check: writes nothing, and exits 1 when a committed file is stale
 */
import { fileURLToPath } from 'node:url';

import { generateClientContract } from './client-contract.ts';
import { generateCompatibilityDocs } from './compatibility-docs.ts';
import { generateConfigurationDocs } from './configuration-docs.ts';
import { generateContract } from './contract.ts';
import { generateErrorDocs } from './error-docs.ts';
import { findStale, writeGenerated, type Generated } from './generated.ts';
import { generateHelmChart, generateHelmFiles } from './helm-chart.ts';
import { generateObservability } from './observability.ts';
import { generateOpenApi } from './openapi.ts';

/** In this order: the contract of the client is a copy of files of the contract. */
const generators: readonly ((root: string) => Generated | Promise<Generated>)[] = [
  generateContract,
  generateClientContract,
  generateConfigurationDocs,
  generateErrorDocs,
  generateCompatibilityDocs,
  generateObservability,
  generateHelmChart,
  generateHelmFiles,
  generateOpenApi,
];

const root = fileURLToPath(new URL('../../', import.meta.url));
const checks = process.argv.includes('--check');

for (const generate of generators) {
  const generated = await generate(root);
  if (!checks) {
    for (const name of writeGenerated(root, generated)) {
      console.log(`${generated.files.has(name) ? 'wrote' : 'deleted'} ${name}`);
    }
    continue;
  }
  for (const name of findStale(root, generated)) {
    console.error(`${name} is stale: run npm run generate`);
    process.exitCode = 1;
  }
}
