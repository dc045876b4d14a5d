import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';

const root = fileURLToPath(new URL('../../', import.meta.url));

interface Step {
  readonly if?: string;
  readonly shell: string;
  readonly env: Readonly<Record<string, string>>;
  readonly run: string;
}

const action = parse(readFileSync(path.join(root, 'deploy/github/action.yaml'), 'utf8')) as {
  readonly inputs: Readonly<Record<string, { readonly default: string }>>;
  readonly runs: { readonly using: string; readonly steps: readonly Step[] };
};

const schema = (properties: object, required: string[] = []): string =>
  JSON.stringify({ type: 'object', properties, required, additionalProperties: false });
const total = { total: { type: 'number' } };
const taxonomy = `naming: any
unplanned: reject
events:
  order_completed: { owner: a, description: A., active: 1 }
`;

/** A checkout of a pull request as GitHub makes it: one commit, without the base branch. */
function pullRequest(base: string, change: (schemas: string) => void) {
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-action-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [origin, checkout] = [path.join(folder, 'origin'), path.join(folder, 'checkout')];
  const git = (at: string, ...args: string[]): void => {
    const author = ['-c', 'user.name=a', '-c', 'user.email=a@example.com'];
    execFileSync('git', ['-C', at, ...author, ...args], { stdio: 'pipe' });
  };
  const schemas = path.join(origin, 'schemas');
  mkdirSync(path.join(schemas, 'order_completed'), { recursive: true });
  writeFileSync(path.join(schemas, 'taxonomy.yaml'), taxonomy);
  writeFileSync(path.join(schemas, 'order_completed/1.json'), schema(total));
  git(origin, 'init', '--quiet', '--initial-branch', base);
  git(origin, 'add', '.');
  git(origin, 'commit', '--quiet', '-m', 'base');
  git(origin, 'checkout', '--quiet', '-b', 'change');
  change(schemas);
  git(origin, 'add', '.');
  git(origin, 'commit', '--quiet', '--allow-empty', '-m', 'change');
  const clone = ['clone', '--quiet', '--depth=1', '--branch=change', `file://${origin}`, checkout];
  execFileSync('git', clone, { stdio: 'pipe' });
  return { checkout };
}

/** Runs the shell of each step, as the runner does: stops at the first one that fails. */
function run(checkout: string, base: string, inputs: Readonly<Record<string, string>> = {}) {
  const [summary, outputs] = ['summary', 'outputs'].map((name) => path.join(checkout, '..', name));
  const values = new Map<string, string>([
    ['github.base_ref', base],
    ...Object.entries(action.inputs).map(([name, each]): [string, string] => [
      `inputs.${name}`,
      inputs[name] ?? each.default,
    ]),
    ['inputs.command', `${process.execPath} ${path.join(root, 'bin/headgate.js')}`],
  ]);
  const valueOf = (text: string): string =>
    text.replaceAll(/\$\{\{ ([\w.]+) \}\}/g, (_match, name: string) => values.get(name)!);
  for (const file of [summary!, outputs!]) writeFileSync(file, '');
  let code: number | null = 0;
  for (const step of action.runs.steps) {
    if (step.if !== undefined && (values.get('inputs.against') !== '' || base === '')) continue;
    const named = Object.entries(step.env).map(([name, text]) => [name, valueOf(text)]);
    const files = { GITHUB_STEP_SUMMARY: summary!, GITHUB_OUTPUT: outputs! };
    const env = {
      PATH: process.env['PATH'],
      HOME: checkout,
      ...Object.fromEntries(named),
      ...files,
    };
    code = spawnSync(step.shell, ['-eo', 'pipefail', '-c', step.run], {
      cwd: checkout,
      env,
    }).status;
    if (code !== 0) break;
  }
  const read = (file: string): string => readFileSync(file, 'utf8');
  return { code, summary: read(summary!), outputs: read(outputs!) };
}

test('the action is one of shell steps, and no expression stands in their scripts', () => {
  expect(action.runs.using).toBe('composite');
  expect(action.runs.steps.map(({ shell }) => shell)).toEqual(['bash', 'bash']);
  expect(action.runs.steps.filter(({ run: script }) => script.includes('${{'))).toEqual([]);
});

test('a change that is allowed passes, and is reported', () => {
  const { checkout } = pullRequest('main', (schemas) => {
    const next = { ...total, coupon: { type: 'string' } };
    writeFileSync(path.join(schemas, 'order_completed/2.json'), schema(next));
  });
  const { code, summary, outputs } = run(checkout, 'main');
  expect(code).toBe(0);
  expect(summary).toContain('## Event schemas: nothing breaks its contract');
  expect(summary).toContain("- version 2 adds 'coupon': nothing breaks");
  expect(outputs).toBe('report=headgate-schemas.md\nallowed=true\n');
  expect(readFileSync(path.join(checkout, 'headgate-schemas.md'), 'utf8')).toBe(summary);
});

test.each(['main', 'release/1.x', '$(touch${IFS}pwned)'])(
  'a change that is not allowed fails, against the base branch %s',
  (base) => {
    const { checkout } = pullRequest(base, (schemas) => {
      writeFileSync(path.join(schemas, 'order_completed/2.json'), schema(total, ['total']));
    });
    const { code, summary, outputs } = run(checkout, base);
    expect(code).toBe(1);
    expect(summary).toContain('## Event schemas: 1 not allowed');
    expect(summary).toContain('❌ **order\\_completed**');
    expect(summary).toContain("version 2 makes 'total' required: producers on version 1 would be");
    expect(outputs).toContain('allowed=false');
    expect(execFileSync('ls', [checkout], { encoding: 'utf8' })).not.toContain('pwned');
  },
);

test('schemas that no gate starts with fail, and their names are no markup', () => {
  const { checkout } = pullRequest('main', (schemas) => {
    const entry = '  "@team <b>x</b>": { owner: a, description: A., active: 1 }\n';
    writeFileSync(path.join(schemas, 'taxonomy.yaml'), taxonomy + entry);
  });
  const { code, summary } = run(checkout, 'main');
  expect(code).toBe(1);
  expect(summary).toContain('## Event schemas: 1 to fix');
  expect(summary).toContain('&#64;team \\<b\\>x');
});

test('a check that cannot run fails, and says why', () => {
  const { checkout } = pullRequest('main', () => {});
  const { code, summary } = run(checkout, 'main', { against: 'nowhere' });
  expect(code).toBe(1);
  expect(summary).toContain('## Event schemas: the check could not run');
  expect(summary).toContain('git knows no commit nowhere');
});

test('outside of a pull request each version is compared with the one before', () => {
  const { checkout } = pullRequest('main', (schemas) => {
    writeFileSync(path.join(schemas, 'order_completed/2.json'), schema(total, ['total']));
  });
  const { code, summary } = run(checkout, '');
  expect(code).toBe(1);
  expect(summary).toContain('version 2 after version 1 is not allowed');
});
