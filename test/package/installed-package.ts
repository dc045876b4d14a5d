import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
export const root = fileURLToPath(new URL('../../', import.meta.url));

/** The oldest Node that package.json allows, which npm has. */
const oldestNode = '22.22.0';

/** A project with the packages of this repository, as a user has them: packed, then installed. */
export interface InstalledPackage extends Disposable {
  readonly folder: string;
  /** The files of the tarball of `headgate`, below its folder. */
  readonly files: readonly string[];
  readonly packedBytes: number;
  /** The path of the tarball of `headgate`. */
  readonly tarball: string;
  /** What npm printed. */
  readonly printed: string;
}

/** Builds both packages, packs them, and installs them in an empty project, by npm. */
export async function installPackage(): Promise<InstalledPackage> {
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-package-'));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    const packed = await pack(folder, []);
    const client = await pack(folder, ['--workspace', 'client']);
    writeFileSync(path.join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
    const flags = ['--prefer-offline', '--no-audit', '--no-fund'];
    const tarballs = [packed.filename, client.filename].map((name) => `./${name}`);
    const { stdout, stderr } = await run('npm', ['install', ...flags, ...tarballs], {
      cwd: folder,
      // By the Node that runs this test, whatever an npm of the system would take.
      env: { ...process.env, PATH: pathOf(process.execPath) },
    });
    cpSync(path.join(root, 'schemas'), path.join(folder, 'schemas'), { recursive: true });
    return {
      folder,
      files: packed.files.map((file) => file.path),
      packedBytes: packed.size,
      tarball: path.join(folder, packed.filename),
      printed: stdout + stderr,
      [Symbol.dispose]: remove,
    };
  } catch (error) {
    remove();
    throw error;
  }
}

interface Packed {
  readonly filename: string;
  readonly size: number;
  readonly files: readonly { readonly path: string }[];
}

/** Builds a package of this repository and writes its tarball into a folder. */
export async function pack(target: string, flags: readonly string[]): Promise<Packed> {
  const { stdout } = await run(
    'npm',
    ['pack', '--json', '--loglevel', 'error', '--pack-destination', target, ...flags],
    { cwd: root, env: { ...process.env, PATH: pathOf(process.execPath) } },
  );
  // The build scripts print before npm does.
  const answer = JSON.parse(stdout.slice(stdout.search(/^[[{]$/m))) as object;
  const [packed] = Object.values(answer) as [Packed];
  return packed;
}

/** A PATH on which `node` is this one. */
export function pathOf(node: string): string {
  return `${path.dirname(node)}${path.delimiter}${process.env['PATH'] ?? ''}`;
}

/** The oldest Node that the package supports, by npm; or why it cannot be had. */
export async function findOldestNode(): Promise<{ path: string } | { missing: string }> {
  const target = `${process.platform}-${process.arch}`;
  const folder = path.join(root, 'node_modules/.headgate', `node-${oldestNode}`);
  const name = `node-${target}`;
  const node = path.join(folder, 'node_modules', name, 'bin/node');
  if (existsSync(node)) return { path: node };
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'package.json'), '{ "private": true }\n');
  try {
    const flags = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund'];
    await run('npm', ['install', ...flags, `${name}@${oldestNode}`], { cwd: folder });
    return { path: node };
  } catch (error) {
    return { missing: `npm has no Node ${oldestNode} for ${target}: ${(error as Error).message}` };
  }
}
