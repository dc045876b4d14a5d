import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readConfig } from '../../src/config/read-config.ts';
import { environmentName, settings } from '../../src/config/settings.ts';
import { destinationTypes as types } from '../../src/destinations/registry.ts';
import { renderConfigurationDocs } from './configuration-docs.ts';

const page = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8');

describe('docs/configuration.md', () => {
  it('is what the tables say', () => {
    expect(page).toBe(renderConfigurationDocs(types));
  });

  it('has every setting, its variable, and every type of destination', () => {
    for (const path of Object.keys(settings)) {
      expect(page).toContain(`| \`${path}\` | \`${environmentName(path)}\` |`);
    }
    expect(types.length).toBeGreaterThan(0);
    for (const { type } of types) expect(page).toContain(`### \`type: ${type}\``);
  });

  it('has an example that can be read', () => {
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
