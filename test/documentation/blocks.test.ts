import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

import { readConfig } from '../../src/config/read-config.ts';
import { settings } from '../../src/config/settings.ts';
import { destinationTypes } from '../../src/destinations/registry.ts';
import { readTaxonomy } from '../../src/validation/taxonomy/taxonomy.ts';
import { fencesOf, pages, readPage } from './markdown.ts';

interface Block {
  readonly page: string;
  readonly language: string;
  readonly text: string;
}

const blocks: Block[] = pages().flatMap((page) =>
  fencesOf(readPage(page)).map((fence) => ({ page, ...fence })),
);
const json = blocks.filter(({ language }) => language === 'json');
const yaml = blocks.filter(({ language }) => language === 'yaml');

/** What `read` throws for each block, with the page. */
function faultsOf(shown: readonly Block[], read: (text: string) => unknown): string[] {
  return shown.flatMap(({ page, text }) => {
    try {
      read(text);
      return [];
    } catch (error) {
      return [`${page}: ${(error as Error).message} in ${text}`];
    }
  });
}

describe('the blocks of the pages', () => {
  it('are JSON where they say so', () => {
    expect(json.length).toBeGreaterThan(4);
    expect(faultsOf(json, JSON.parse)).toEqual([]);
  });

  it('are YAML where they say so', () => {
    expect(yaml.length).toBeGreaterThan(4);
    expect(faultsOf(yaml, parse)).toEqual([]);
  });

  it('are a configuration that can be read', () => {
    const configurations = yaml.filter(({ text }) => hasKey(text, configurationKeys));
    expect(configurations.length).toBeGreaterThan(3);
    expect(faultsOf(configurations, readShownConfig)).toEqual([]);
  });

  it('are a taxonomy that can be read', () => {
    const taxonomies = yaml.filter(({ text }) => hasKey(text, taxonomyKeys));
    expect(taxonomies.length).toBeGreaterThan(2);
    expect(faultsOf(taxonomies, readShownTaxonomy)).toEqual([]);
  });

  it.each([
    ['webhooks: { hub: { provider: github, secrets: a } }', readShownConfig, 'secrets'],
    ['limits: { batch_events_maximum: 500 }', readShownConfig, 'batch_events_maximum'],
    ['events: { page_viewed: { owner: web, actif: 1 } }', readShownTaxonomy, 'actif'],
  ])('with a slip are seen: %s', (text, read, slip) => {
    expect(() => read(text)).toThrow(slip);
  });
});

const taxonomyKeys = new Set(['verbs', 'unplanned', 'events']);
const configurationKeys = new Set([
  ...Object.keys(settings).map((name) => name.split('.')[0]!),
  'keys',
  'webhooks',
  'destinations',
]);

function hasKey(text: string, keys: ReadonlySet<string>): boolean {
  return Object.keys((parse(text) as object | null) ?? {}).some((key) => keys.has(key));
}

const someKey = `keys: [{ source: shop, hash: "sha256:${'0'.repeat(64)}" }]\n`;

/**
 * A page may show a part of it: keys may be elsewhere. Each `${NAME}` is a variable of the environment;
 * its text here is a secret of every kind.
 */
function readShownConfig(text: string): void {
  const keys = /^auth: keys$/m.test(text) && !/^keys:/m.test(text) ? someKey : '';
  const names = [...text.matchAll(/\$\{(\w+)\}/g)].map((found) => found[1]!);
  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
  readConfig({
    env: Object.fromEntries(names.map((name) => [name, secret])),
    configFile: 'headgate.yaml',
    readFile: () => `${keys}${text}`,
    destinationTypes,
  });
}

/** A page may show a part of it. */
function readShownTaxonomy(text: string): void {
  const verbs = /^verbs:/m.test(text) ? '' : 'verbs: [completed, viewed]\n';
  readTaxonomy(`${verbs}${text}`, (problem) => {
    throw new Error(problem);
  });
}
