import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import { readConfig } from '../../src/config/read-config.ts';
import { destinationTypes } from '../../src/destinations/registry.ts';
import { readPage } from './markdown.ts';

const text = readPage('deploy/systemd/headgate.service');

/** The settings of a unit, by section; a key may come more than once. Throws at what is no setting. */
function readUnit(unit: string): Map<string, [key: string, value: string][]> {
  const sections = new Map<string, [string, string][]>();
  let current: [string, string][] | undefined;
  for (const line of unit.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const section = /^\[(\w+)\]$/.exec(line)?.[1];
    if (section !== undefined) {
      current = [];
      sections.set(section, current);
      continue;
    }
    const [, key, value] = /^([A-Z]\w+)=(.*)$/.exec(line) ?? [];
    if (key === undefined || current === undefined) throw new Error(`not a setting: ${line}`);
    current.push([key, value!]);
  }
  return sections;
}

describe('deploy/systemd/headgate.service', () => {
  const unit = readUnit(text);
  const service = unit.get('Service')!;
  const one = (key: string): string | undefined => service.find(([name]) => name === key)?.[1];

  it('is a unit, with each setting once', () => {
    expect([...unit.keys()]).toEqual(['Unit', 'Service', 'Install']);
    const names = service.map(([key]) => key).filter((key) => key !== 'Environment');
    expect(names).toEqual([...new Set(names)]);
    expect(() => readUnit('[Service]\nKillMode mixed')).toThrow('not a setting');
  });

  it('starts the service as package.json does, with settings that it accepts', () => {
    const { scripts } = JSON.parse(readPage('package.json')) as { scripts: { start: string } };
    const flags = /--\S+ --\S+/.exec(scripts.start)![0];
    expect(one('ExecStart')).toBe(
      `/usr/bin/node ${flags} /opt/headgate/node_modules/headgate/bin/headgate.js serve --config /etc/headgate/headgate.yaml`,
    );
    const env = Object.fromEntries(
      service
        .filter(([key]) => key === 'Environment')
        .map(([, value]) => value.split(/=(.*)/s).slice(0, 2) as [string, string]),
    );
    const config = readConfig({
      env,
      configFile: '/etc/headgate/headgate.yaml',
      readFile: () => '',
      destinationTypes,
    });
    // systemd makes /var/lib/<StateDirectory> for this user, and nothing else can be written.
    expect(config.dataDir).toBe(`/var/lib/${one('StateDirectory')}`);
    expect(one('StateDirectoryMode')).toBe('0700');
    expect(config.schemasDir).toBe('/etc/headgate/schemas');
    // Requests, deliveries, and then nats-server get their time.
    expect(Number(one('TimeoutStopSec')) * 1000).toBeGreaterThan(
      2 * config.shutdownGraceMs + 10_000,
    );
    expect(Number(one('LimitNOFILE'))).toBeGreaterThan(2 * config.limits.connectionsMax);
  });

  it('runs where the pages run commands, so that paths mean the same files', () => {
    for (const name of ['docs/operate/production.md', 'docs/operate/upgrade.md']) {
      const page = readPage(name);
      const commands = /\$ cd (.*)\n\s*\$ set -a; \. (.*)\n\s*\$ (HEADGATE_.*)\n/.exec(page)!;
      expect(commands[1]).toBe(one('WorkingDirectory'));
      expect(`-${commands[2]}`).toBe(one('EnvironmentFile'));
      const variables = service
        .filter(([key, value]) => key === 'Environment' && value.startsWith('HEADGATE_'))
        .map(([, value]) => value);
      expect(commands[3]!.split(' ')).toEqual(variables);
      // The service may not write there.
      expect(page.match(/^ *(path|spool|journal): (?!\/)/gm)).toBeNull();
    }
  });

  it('signals Headgate alone, and hardens it', () => {
    expect(one('KillMode')).toBe('mixed');
    const wanted = {
      User: 'headgate',
      NoNewPrivileges: 'true',
      ProtectSystem: 'strict',
      ProtectHome: 'true',
      PrivateTmp: 'true',
      PrivateDevices: 'true',
      CapabilityBoundingSet: '',
      SystemCallFilter: '@system-service',
      RestrictNamespaces: 'true',
    };
    for (const [key, value] of Object.entries(wanted))
      expect([key, one(key)]).toEqual([key, value]);
    // V8 would not start with it.
    expect(one('MemoryDenyWriteExecute')).toBeUndefined();
  });

  it('is what systemd accepts', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'headgate-unit-'));
    try {
      // systemd-analyze looks for the program, which is where the reader installs it.
      const file = path.join(folder, 'headgate.service');
      writeFileSync(file, text.replace('ExecStart=/usr/bin/node', `ExecStart=${process.execPath}`));
      const said = verify(file);
      if (said === undefined) console.log('not checked by systemd-analyze: it is not installed');
      expect(said ?? '').toBe('');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

/** What `systemd-analyze verify` finds. Undefined if this machine has no such program. */
function verify(file: string): string | undefined {
  try {
    return execFileSync('sh', ['-c', 'systemd-analyze verify "$0" 2>&1', file], {
      encoding: 'utf8',
    });
  } catch (error) {
    const { status, stdout } = error as { status: number; stdout: string };
    return status === 127 ? undefined : stdout;
  }
}
