import path from 'node:path';

import { describe, expect, it } from 'vitest';

import { operatorsServices } from '../operators/operators-services.ts';
import { isGenerated, isTest, readSources } from './source-files.ts';

const files = ['src', 'client/src', 'console', 'bench', 'scripts']
  .flatMap(readSources)
  .filter(({ name }) => !isTest(name) && !isGenerated(name));

/** With more a folder is a list to search, and no longer a picture of its stage. */
const filesMax = 15;

/** Of code that we write and do not run: the text of a generated client. */
const generatedTexts = new Set(['src/codegen/typescript.ts']);

describe('folders', () => {
  it(`have at most ${filesMax} source files side by side`, () => {
    const counts = new Map<string, number>();
    for (const { name } of files) {
      const folder = path.dirname(name);
      counts.set(folder, (counts.get(folder) ?? 0) + 1);
    }
    const large = [...counts].filter(([, count]) => count > filesMax);
    expect(Object.fromEntries(large)).toEqual({});
  });
});

describe('files', () => {
  it('have no drawers among them', () => {
    const drawer = /^(utils?|helpers?|common|lib|types|interfaces|misc|shared)$/;
    const broken = files
      .map(({ name }) => name)
      .filter((name) => name.split('/').some((part) => drawer.test(part.replace(/\.tsx?$/, ''))));
    expect(broken).toEqual([]);
  });

  it('are named in kebab-case', () => {
    const broken = files
      .map(({ name }) => name)
      .filter(
        (name) => !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(path.basename(name).replace(/\.tsx?$/, '')),
      );
    expect(broken).toEqual([]);
  });
});

describe('exported types', () => {
  it('have names that are unique in src', () => {
    const owners = new Map<string, string[]>();
    for (const { name, text } of files.filter((file) => file.name.startsWith('src/'))) {
      if (generatedTexts.has(name)) continue;
      const declared = /^export (?:declare |abstract )*(?:type|interface|class|enum) (\w+)/gm;
      for (const [, type] of text.matchAll(declared)) {
        owners.set(type!, [...(owners.get(type!) ?? []), name]);
      }
    }
    expect([...owners].filter(([, names]) => names.length > 1)).toEqual([]);
  });
});

describe('one file for each', () => {
  it('a destination type has its settings in type.ts of its folder', async () => {
    const { destinationTypes } = await import('../../src/destinations/registry.ts');
    const described = files
      .map(({ name }) => /^src\/destinations\/([\w-]+)\/type\.ts$/.exec(name)?.[1])
      .filter((type) => type !== undefined);
    expect(destinationTypes.map(({ type }) => type).toSorted()).toEqual(described);
  });

  it('command: named after it, alone or with its parts in a folder', async () => {
    const { createProgram, loadCommands } = await import('../../src/cli/program.ts');
    const names = new Set(files.map(({ name }) => name));
    const homeless = createProgram({ env: {} }, await loadCommands())
      .commands.map((command) => command.name())
      .filter(
        (name) => !names.has(`src/cli/${name}.ts`) && !names.has(`src/cli/${name}/${name}.ts`),
      );
    expect(homeless).toEqual([]);
  });

  it("operators' RPC service: one file of src/operators serves it", async () => {
    const services = (await operatorsServices()).map(({ file }) => `gen/${file.name}_pb.ts`);
    const served = services.map((service) =>
      files.filter(
        ({ name, imports }) =>
          /^src\/operators\/.*-service\.ts$/.test(name) && imports.includes(service),
      ),
    );
    expect(services.length).toBeGreaterThan(5);
    expect(services.filter((_service, index) => served[index]!.length !== 1)).toEqual([]);
  });
});
