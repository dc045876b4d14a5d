// Compares the Node that npm's package `node` has put in place with the digest written down below.
//
// The lock file pins the package `node`, but its install script fetches the binary by another npm
// install, which no lock file covers. The digest is that of bin/node in version 24.21.0. To change it:
// change the version in package.json, install, compare the binary with the release of nodejs.org
// (its SHASUMS256.txt signs the archive that holds it), and write its digest here.
// This file is plain JavaScript for any Node that npm runs on.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** By platform and architecture. Others are not pinned: a line says so. */
export const nodeDigests = {
  'linux-x64': '7fde7b8afa198da66257f42ee2001d874c7355631e6d1579a5fb5ef1f246df4c',
};

/** Throws if the binary is not the one of `digests`. Returns false if none is known. */
export function verifyNode(binary, target, digests = nodeDigests) {
  const wanted = digests[target];
  if (wanted === undefined) return false;
  const found = createHash('sha256').update(fs.readFileSync(binary)).digest('hex');
  if (found !== wanted) {
    throw new Error(
      `${binary} has the SHA-256 ${found}, not ${wanted}, which scripts/install/node-binary.js pins: ` +
        'do not run it. Delete node_modules/node and install again; if it stays, somebody has ' +
        'changed what is installed.',
    );
  }
  return true;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..');
  const binary = path.join(root, 'node_modules', 'node', 'bin', 'node');
  const target = `${process.platform}-${process.arch}`;
  // An image has no development packages, and so no such binary.
  if (fs.existsSync(binary)) {
    try {
      if (!verifyNode(binary, target)) console.log(`headgate: no digest of Node for ${target}`);
    } catch (error) {
      console.error(`headgate: ${error.message}`);
      process.exit(1);
    }
  }
}
