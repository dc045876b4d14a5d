import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readConfig } from '../../src/config/read-config.ts';
import { environmentName, settings } from '../../src/config/settings.ts';
import { destinationTypes as types } from '../../src/destinations/registry.ts';
import { renderConfigurationDocs } from './configuration-docs.ts';

const docs = new URL('../../docs/reference/', import.meta.url);
const rendered = renderConfigurationDocs(types);
const readPage = (path: string): string => readFileSync(new URL(path, docs), 'utf8');

describe('the pages of the configuration', () => {
  it.each([...rendered])('%s is what the tables say', (path, page) => {
    expect(readPage(path)).toBe(page);
  });

  it('are all made', () => {
    const below = readdirSync(new URL('configuration/', docs)).map(
      (name) => `configuration/${name}`,
    );
    expect(new Set(['configuration.md', ...below])).toEqual(new Set(rendered.keys()));
  });

  it('have every setting and its variable: once in the overview, once with its meaning', () => {
    const overview = readPage('configuration.md');
    const details = [...rendered.keys()]
      .filter((path) => path !== 'configuration.md')
      .map(readPage);
    for (const [path, { text }] of Object.entries(settings)) {
      const cells = `| \`${path}\` | \`${environmentName(path)}\` |`;
      expect(overview.split(cells)).toHaveLength(2);
      const pages = details.filter((page) => page.includes(cells));
      expect(pages).toHaveLength(1);
      expect(pages[0]).toContain(text.replaceAll('|', '\\|'));
    }
  });

  it('have every type of destination', () => {
    expect(types.length).toBeGreaterThan(0);
    const pages = ['types', 'files', 'queues', 'services'].map((name) =>
      readPage(`configuration/destination-${name}.md`),
    );
    for (const { type } of types)
      expect(pages.join('').split(`## \`type: ${type}\``)).toHaveLength(2);
  });

  it('have an example that can be read', () => {
    const page = readPage('configuration.md').split('\n## Example\n')[1] ?? '';
    const example = /```yaml\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
    const config = readConfig({
      env: { CRM_SECRET: 'whsec_x' },
      readFile: () => example,
      destinationTypes: types,
    });
    expect(config.auth).toBe('keys');
    expect(config.destinations.map(({ name }) => name)).toEqual(['warehouse', 'crm']);
  });
});
