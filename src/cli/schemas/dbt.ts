import { stringify } from 'yaml';

import type { CatalogContract } from '../../catalog/read-catalog.ts';
import { destinationTypeOf, typesWith } from '../../destinations/registry.ts';
import {
  dbtSource,
  type DbtSource,
  type DescribedContract,
} from '../../destinations/tables/dbt/dbt-sources.ts';
import { StartError } from '../../errors.ts';
import { compileEventGlobs } from '../../event/glob.ts';
import { expandSchema, schemaAt } from '../../validation/schema/expand-schema.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../event/json/json.ts';
import type { CommandContext } from '../command-context.ts';
import { commandDestinations } from '../command-settings.ts';

export const dbtFile = 'sources.yml';

/**
 * The sources of dbt: one for each destination with tables of events. Throws a StartError if the configuration
 * has none.
 */
export async function dbtSources(
  contracts: readonly CatalogContract[],
  configFile: string | undefined,
  env: CommandContext['env'],
): Promise<string> {
  const described = contracts.map(describe);
  const sources: DbtSource[] = [];
  const types = typesWith('locateTables');
  const { destinations } = commandDestinations(configFile, env, { types });
  for (const { name, type, settings, events } of destinations) {
    const location = await destinationTypeOf(type).locateTables?.(name, settings);
    if (location === undefined) continue;
    const isTaken = compileEventGlobs(events);
    const own = described.filter((contract) => isTaken(contract.name));
    sources.push(dbtSource(name, location, own));
  }
  if (sources.length === 0) {
    throw new StartError(
      'No destination has tables of events, which are the sources of dbt: set tables: per_event, or both.',
    );
  }
  return `# Made by headgate schemas docs --format dbt.\n${yamlOf({ version: 2, sources })}`;
}

/**
 * dbt reads YAML 1.1, where a plain `no`, `12:30` or `=` is not a text. So every text is quoted but the keys,
 * which are all dbt's or ours.
 */
function yamlOf(value: unknown): string {
  const text = stringify(value, {
    defaultStringType: 'QUOTE_DOUBLE',
    defaultKeyType: 'PLAIN',
    doubleQuotedAsJSON: true,
    lineWidth: 0,
  });
  return text.replaceAll(unreadable, (character) => {
    const code = character.charCodeAt(0).toString(16);
    return `\\u${code.padStart(4, '0')}`;
  });
}

/** What JSON writes as it is, and what YAML 1.1 refuses, or reads as the end of a line. */
const unreadable = /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g;

function describe({
  name,
  description,
  owner,
  mode,
  versions,
}: CatalogContract): DescribedContract {
  return {
    name,
    description,
    owner,
    isChecked: !/\b(off|allow)\b/.test(mode),
    schemas: versions.map(({ schema }) => expandSchema(schema)),
    describe: (version, path) => descriptionOf(versions[version - 1]!.schema, path),
  };
}

/** What a schema says about a property. The schemas of tables have no texts. */
function descriptionOf(root: JsonObject, path: readonly string[]): string {
  let schema: JsonValue | undefined = root;
  for (const name of path) {
    const { properties } = resolved(root, schema);
    schema = isJsonObject(properties) && Object.hasOwn(properties, name) ? properties[name] : {};
  }
  const { description, title } = {
    ...resolved(root, schema),
    ...(isJsonObject(schema) ? schema : {}),
  };
  return [description, title].find((text) => typeof text === 'string') ?? '';
}

/** What a schema refers to, once: further references say less about a property. */
function resolved(root: JsonObject, schema: JsonValue | undefined): JsonObject {
  if (!isJsonObject(schema)) return {};
  const reference = schema['$ref'];
  const target = typeof reference === 'string' ? schemaAt(root, reference) : schema;
  return isJsonObject(target) ? target : {};
}
