import { execFile, execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../', import.meta.url));

/** A folder where programs find `@headgate/client` as npm would install it. */
export interface BuiltClient extends Disposable {
  readonly folder: string;
}

/**
 * Builds and packs the client, and unpacks the package as a registry would have it. Its
 * dependencies are linked to those of this repository.
 */
export async function buildClient(): Promise<BuiltClient> {
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-client-'));
  const source = path.join(folder, 'source');
  try {
    mkdirSync(source);
    await run(process.execPath, [path.join(root, 'client/build.ts'), path.join(source, 'dist')]);
    cpSync(path.join(root, 'client/package.json'), path.join(source, 'package.json'));
    // The prepack script would build again.
    const pack = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder];
    const { stdout } = await run('npm', pack, { cwd: source });
    const [{ filename }] = JSON.parse(stdout) as [{ filename: string }];
    const installed = path.join(folder, 'node_modules/@headgate/client');
    mkdirSync(installed, { recursive: true });
    await run('tar', ['xzf', path.join(folder, filename), '-C', installed, '--strip-components=1']);
    for (const scope of ['@bufbuild', '@connectrpc']) {
      symlinkSync(path.join(root, 'node_modules', scope), path.join(folder, 'node_modules', scope));
    }
    rmSync(source, { recursive: true });
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  return { folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Finds a Node of the oldest major version that the client supports. */
export function findNode20(): { readonly path: string } | { readonly missing: string } {
  const named = process.env['HEADGATE_NODE20'];
  const candidates = [named, '/usr/bin/node', '/usr/local/bin/node'].filter(
    (each) => each !== undefined && existsSync(each),
  );
  for (const candidate of candidates) {
    const version = execFileSync(candidate!, ['--version'], { encoding: 'utf8' });
    if (version.startsWith('v20.')) return { path: candidate! };
  }
  return { missing: 'no Node 20 found; set HEADGATE_NODE20 to the path of one' };
}
