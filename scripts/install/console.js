import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/*
 * Builds the console after `npm ci`, so that `npm start` serves it. Without the development packages there
 * is nothing to build it with; the package of npm brings it built. JavaScript, because npm may run it
 * with an older Node.
 */
if (!existsSync('node_modules/rolldown')) {
  console.log('console: not built, because rolldown is not installed (npm ci without --omit=dev)');
} else {
  execFileSync(process.execPath, ['scripts/build/console.ts'], { stdio: 'inherit' });
}
