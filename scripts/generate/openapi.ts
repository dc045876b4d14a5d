import { readConfig } from '../../src/config/read-config.ts';
import { destinationTypes } from '../../src/destinations/registry.ts';
import { openApiDocument } from '../../src/gate/openapi/openapi.ts';
import type { Generated } from './generated.ts';

/** docs/reference/openapi.json: what a gate with the defaults and with keys serves at /openapi.json. */
export function generateOpenApi(): Generated {
  const { limits } = readConfig({
    env: {},
    configFile: 'headgate.yaml',
    readFile: () => '',
    destinationTypes,
  });
  const text = `${JSON.stringify(JSON.parse(openApiDocument(limits, 'keys')), null, 1)}\n`;
  return { files: new Map([['docs/reference/openapi.json', text]]) };
}
