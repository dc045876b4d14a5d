import { execFileSync, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Fails when proto/ breaks what the last release promised. A release is a tag v<number>. */
const cwd = fileURLToPath(new URL('..', import.meta.url));

function lastRelease(): string | undefined {
  try {
    const tags = execFileSync('git', ['tag', '--list', 'v*', '--sort=-version:refname'], {
      cwd,
      encoding: 'utf8',
    });
    return tags.split('\n').find((tag) => /^v\d/.test(tag));
  } catch {
    return undefined;
  }
}

const release = lastRelease();
if (release === undefined) {
  console.log('buf breaking: skipped, there is no release yet that could be broken');
} else {
  const { status } = spawnSync('buf', ['breaking', '--against', `.git#tag=${release}`], {
    cwd,
    stdio: 'inherit',
  });
  process.exitCode = status ?? 1;
}
