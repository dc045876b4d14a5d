import { Ajv2020 } from 'ajv/dist/2020.js';
import standaloneCode from 'ajv/dist/standalone/index.js';

const dialect = 'https://json-schema.org/draft/2020-12/schema';

/**
 * The validator of the schema of JSON Schema 2020-12, as Ajv compiles it from its own copy. Compiling
 * it at every start takes 40 ms.
 */
export function schemaDialectCode(): string {
  const ajv = new Ajv2020({ strict: true, logger: false, code: { source: true, esm: true } });
  const code = standaloneCode
    .default(ajv, ajv.getSchema(dialect)!)
    .replace('"use strict";export const validate = validate0;export default validate0;', '')
    .replaceAll(/const (\w+) = require\("(ajv\/dist\/runtime\/\w+)"\)\.default;/g, importLine);
  // A module has no require, and the code must not name what the pattern above missed.
  if (/require\(|export/.test(code)) throw new Error('ajv writes other code than is known here');
  // Each function on a line of its own, so that a change can be read.
  return `${head}${code.replaceAll(/(?=\b(?:function validate|const schema)\d+)/g, '\n')}\n`;
}

/** What the default import of a CommonJS module is differs between Node and bundlers. */
const importLine = (_: string, name: string, file: string): string =>
  `import ${name}Module from '${file}.js';const ${name} = ${name}Module.default ?? ${name}Module;`;

const head = `// @ts-nocheck
// Made by npm run generate from the schema of JSON Schema 2020-12 in the package ajv.
import type { ValidateFunction } from 'ajv/dist/2020.js';
export const isSchema: ValidateFunction = validate0;`;
