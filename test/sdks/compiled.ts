import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { root } from '../documentation/markdown.ts';
import type { Sdk } from './sdks.ts';

export const programsFolder = path.join(root, 'test', 'sdks', 'programs');

/** A module of its own, whose source names the SDK as `sdk`. */
export function goBuild(sdk: Sdk, folder: string): readonly string[][] {
  const { name, version, program, besides } = sdk;
  for (const file of [program, ...besides]) {
    const text = readFileSync(path.join(programsFolder, file), 'utf8');
    const target = path.join(folder, path.basename(file));
    writeFileSync(target, text.replace('"sdk"', JSON.stringify(name)));
  }
  return [
    ['go', 'mod', 'init', 'calls'],
    ['go', 'get', `${name}@${version}`],
    ['go', 'mod', 'tidy'],
    ['go', 'build', '-o', 'calls', '.'],
  ];
}

export function javaBuild(sdk: Sdk, folder: string): readonly string[][] {
  const { name, version, program, besides } = sdk;
  const [group, artifact] = name.split(':');
  const of = (tag: string, text: string): string => `<${tag}>${text}</${tag}>`;
  const dependency = of('groupId', group!) + of('artifactId', artifact!) + of('version', version);
  const own = '<modelVersion>4.0.0</modelVersion><groupId>calls</groupId>';
  const rest = '<artifactId>calls</artifactId><version>1</version>';
  const list = of('dependencies', of('dependency', dependency));
  writeFileSync(path.join(folder, 'pom.xml'), of('project', own + rest + list));
  const copy = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';
  const sources = [program, ...besides].map((file) => path.join(programsFolder, file));
  return [
    ['mvn', '-q', '-B', copy, '-DoutputDirectory=lib', '-DincludeScope=runtime'],
    ['javac', '-nowarn', '-cp', 'lib/*', '-d', 'classes', ...sources],
  ];
}
