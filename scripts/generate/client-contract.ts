/**
 * Copies what the client needs of gen/ into client/src/gen/: a package holds nothing from outside it.
 *
 *     node scripts/generate/client-contract.ts [--check]
 *
 * With `--check` nothing is written: it exits 1 when the copies are not what gen/ says.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const copies = path.join(root, 'client/src/gen');

const needed = [
  'google/rpc/error_details_pb.ts',
  'headgate/v1/event_pb.ts',
  'headgate/v1/event_result_pb.ts',
  'headgate/v1/track_service_pb.ts',
];

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

if (process.argv.includes('--check')) {
  const found = readdirSync(copies, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  const differing = [...new Set([...needed, ...found])].filter(
    (name) =>
      !needed.includes(name) ||
      read(path.join(copies, name)) !== read(path.join(root, 'gen', name)),
  );
  if (differing.length > 0) {
    console.error(
      `client/src/gen is not what gen/ says: run "npm run generate". ${differing.join(', ')}`,
    );
    process.exitCode = 1;
  }
} else {
  rmSync(copies, { recursive: true, force: true });
  for (const name of needed) {
    const copy = path.join(copies, name);
    mkdirSync(path.dirname(copy), { recursive: true });
    writeFileSync(copy, readFileSync(path.join(root, 'gen', name)));
  }
}
