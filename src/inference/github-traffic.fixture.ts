import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

import { isJsonObject, type JsonObject, type JsonValue } from '../event/json/json.ts';
import { oneOf, type Random } from './mutations.fixture.ts';

interface Webhook {
  readonly name: string;
  readonly examples: readonly JsonObject[];
}

/** The payloads of `@octokit/webhooks-examples`, of every edition of GitHub, by event and action. */
export function githubExamples(): Map<string, JsonObject[]> {
  const require = createRequire(import.meta.url);
  const folder = path.dirname(require.resolve('@octokit/webhooks-examples/package.json'));
  const byName = new Map<string, JsonObject[]>();
  const editions = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== 'node_modules')
    .map(({ name }) => name)
    .sort();
  for (const edition of editions) {
    const file = path.join(folder, edition, 'index.json');
    for (const { name, examples } of JSON.parse(readFileSync(file, 'utf8')) as Webhook[]) {
      for (const payload of examples) {
        const { action } = payload;
        const event = typeof action === 'string' ? `${name}_${action}` : `${name}_sent`;
        byName.set(event, [...(byName.get(event) ?? []), payload]);
      }
    }
  }
  return byName;
}

/** By GitHub's documentation their values are from a list. */
export const githubEnums: ReadonlySet<string> = new Set(
  (
    'action active_lock_reason author_association billing_cycle conclusion content_type ' +
    'deployment_environment_type lock_reason merge_method permission privacy ref_type ' +
    'repository_selection role severity side state state_reason status target_type type visibility'
  ).split(' '),
);

/** Objects whose members are data: names of organizations' own properties. */
export const githubMaps: ReadonlySet<string> = new Set(['custom_properties', 'inputs', 'payload']);

/**
 * A delivery as GitHub would send it next: the form of an example, with other ids, times, hashes, names
 * and texts. What is from a list stays.
 */
export function drawDelivery(examples: readonly JsonObject[], random: Random): JsonObject {
  return vary(oneOf(random, examples), '', random) as JsonObject;
}

function vary(value: JsonValue, name: string, random: Random): JsonValue {
  if (Array.isArray(value)) return value.map((item) => vary(item, name, random));
  if (value !== null && isJsonObject(value)) {
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [key, vary(inner, key, random)]),
    );
  }
  if (typeof value === 'number') return Number.isInteger(value) ? varied(value, random) : value;
  if (typeof value !== 'string' || value === '' || githubEnums.has(name)) return value;
  return varyText(value, random);
}

function varied(value: number, random: Random): number {
  return value === 0 ? 0 : Math.floor(random() * Math.abs(value) * 2) + 1;
}

function varyText(text: string, random: Random): string {
  if (/^[0-9a-f]{40}$/.test(text)) return hex(40, random);
  const time = /^(\d{4})-(\d\d)-(\d\d)(.*)$/.exec(text);
  if (time !== null) {
    const day = String(1 + Math.floor(random() * 28)).padStart(2, '0');
    return `${time[1]}-${time[2]}-${day}${time[4]}`;
  }
  // The numbers in addresses and texts, and the end of names.
  const other = text.replaceAll(/\d+/g, (digits) => String(varied(Number(digits), random)));
  return /[\s:/{@.]/.test(text) ? other : `${other}${hex(4, random)}`;
}

function hex(length: number, random: Random): string {
  let text = '';
  while (text.length < length) text += Math.floor(random() * 16).toString(16);
  return text;
}
