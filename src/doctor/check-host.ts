import { accessSync, constants, existsSync, readFileSync, statfsSync, statSync } from 'node:fs';
import path from 'node:path';

import { formatAddress, formatListenAddress, isLocal, isLoopback } from '../config/address.ts';
import type { Config } from '../config/config.ts';
import { sizeText, type CheckFindings } from './finding.ts';

/**
 * Settings that are allowed but risky. Settings that are not allowed stop the start, and this
 * command.
 */
export function checkEndpoint(findings: CheckFindings, config: Config): void {
  const { auth, tls, admin } = config;
  const address = formatListenAddress(config.listen);
  if (auth === 'off') {
    findings.ok(`${address} asks for no key, and only this machine reaches it`);
  } else if (tls === undefined && !isLocal(config.listen)) {
    findings.warning(
      `${address} can be reached from other machines, and write keys and events come in the clear`,
      'Set tls.cert and tls.key, or see that TLS ends in front of it and nobody else reaches it.',
    );
  } else findings.ok(`${address} asks for a write key`);
  if (tls !== undefined) {
    for (const file of [tls.cert, tls.key]) checkReadable(findings, file, 'tls.cert and tls.key');
  }
  if (admin.tls !== undefined) {
    const settings = 'admin.tls.cert and admin.tls.key';
    for (const file of [admin.tls.cert, admin.tls.key]) checkReadable(findings, file, settings);
  }
  if (!isLoopback(admin.listen.host)) {
    findings.warning(
      `the operators' port ${formatAddress(admin.listen)} can be reached from other machines, by whoever has its token`,
      admin.tls === undefined
        ? 'Keep it inside by a firewall or a network policy, and set admin.tls.cert and admin.tls.key: tokens and events come in the clear.'
        : 'Keep it inside by a firewall or a network policy.',
    );
  }
  if (config.enforcement === 'warn') {
    findings.warning(
      'enforcement is warn: no event is refused for its contract',
      'Set it to on again.',
    );
  }
}

export function checkReadable(findings: CheckFindings, file: string, setting: string): void {
  try {
    accessSync(file, constants.R_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'is not there' : 'cannot be read by this user';
    findings.failure(`${file} ${why}`, `Fix ${setting}, or the file and its permissions.`);
  }
}

/** The nearest existing folder above a path. Missing folders will be created in it. */
export function nearestFolder(file: string): string {
  let folder = path.resolve(file);
  while (!existsSync(folder)) folder = path.dirname(folder);
  return folder;
}

const othersMayWrite = 0o002;
const othersMayRead = 0o005;

/** The folder that holds the log of the embedded server and the warehouse. */
export function checkDataDirectory(findings: CheckFindings, dataDir: string): void {
  const folder = path.resolve(dataDir);
  const nearest = nearestFolder(folder);
  if (!statSync(nearest).isDirectory()) {
    findings.failure(`${nearest} is a file`, 'Name a folder in HEADGATE_DATA_DIR.');
    return;
  }
  try {
    accessSync(nearest, constants.W_OK | constants.X_OK);
  } catch {
    const user = process.getuid?.() ?? 'this user';
    findings.failure(
      `${nearest} cannot be written by user ${user}, who runs this`,
      `Give it to who runs the gate (chown), run this as that user, or name another in HEADGATE_DATA_DIR.`,
    );
    return;
  }
  if (nearest !== folder) {
    findings.ok(`${folder} is not there yet; it will be made in ${nearest}`);
    return;
  }
  const { mode } = statSync(folder);
  const mend = `chmod 700 ${folder}`;
  if ((mode & othersMayWrite) !== 0) {
    findings.failure(`every user of this machine may write to ${folder}`, mend);
  } else if ((mode & othersMayRead) === othersMayRead) {
    findings.warning(`every user of this machine may look into ${folder}, where events are`, mend);
  } else findings.ok(`${folder} is written by this user, and closed to others`);
  const credentials = path.join(folder, 'nats', 'client.json');
  if (existsSync(credentials) && (statSync(credentials).mode & 0o077) !== 0) {
    findings.failure(
      `${credentials}, a password, can be read by others`,
      `chmod 600 ${credentials}`,
    );
  }
}

/** With less free space than this share of the disk, it may be full within the hour. */
const freeShareMin = 0.1;
/** How much of a disk storage-budget.ts leaves free, and the least with which it starts. */
const diskShare = 0.8;
const storageBytesMin = 64 * 1024 * 1024;

/** `storeBytes` is the size of the log, which counts as free space for it. */
export function checkDisk(findings: CheckFindings, config: Config, storeBytes: number): void {
  const folder = nearestFolder(config.dataDir);
  const disk = statfsSync(folder);
  const free = disk.bavail * disk.bsize;
  const share = disk.bavail / disk.blocks;
  const room = `${sizeText(free)} (${Math.round(share * 100)}%) free for ${folder}`;
  const budget = (free + storeBytes) * diskShare;
  const mend = 'Free some, give it a larger disk, or name another in HEADGATE_DATA_DIR.';
  if (config.nats.url === undefined && budget < storageBytesMin) {
    findings.failure(`${room}: the log needs ${sizeText(storageBytesMin / diskShare)}`, mend);
  } else if (share < freeShareMin) {
    findings.warning(room, mend);
  } else findings.ok(room);
  if (config.nats.url === undefined && budget < config.log.storageBytesMax) {
    findings.warning(
      `log.storage_bytes_max is ${sizeText(config.log.storageBytesMax)}, and the next start takes ${sizeText(budget)}, which is what the disk has`,
      'Give it a larger disk, or say what is meant in log.storage_bytes_max.',
    );
  }
}

/** Files besides connections: the log, destinations, the store of SQLite. */
const otherFiles = 200;

/**
 * `running` is the limit of the gate that answers. Without it, the limit of this shell is checked,
 * which may differ from that of a service.
 */
export function checkFileLimit(
  findings: CheckFindings,
  config: Config,
  running: { readonly max: number; readonly open: number } | undefined,
): void {
  const needed = config.limits.connectionsMax + otherFiles;
  const max = running?.max ?? ownFileLimit();
  if (max === undefined) {
    findings.skipped('this system does not tell how many files may be open');
    return;
  }
  const whose = running === undefined ? 'a program that is started from here' : 'the running gate';
  const found = `${whose} may open ${max.toLocaleString('en')} files`;
  const mend = `Raise it (ulimit -n ${needed}; LimitNOFILE= of systemd), or lower limits.connections_max.`;
  if (running !== undefined && running.open > max * 0.9) {
    findings.failure(`${found}, and has opened ${running.open.toLocaleString('en')}`, mend);
  } else if (max < needed) {
    findings.warning(
      `${found}; limits.connections_max of ${config.limits.connectionsMax.toLocaleString('en')} needs ${needed.toLocaleString('en')}`,
      mend,
    );
  } else findings.ok(found);
}

/** How many files this process may open. Undefined where the system does not say it. */
export function ownFileLimit(): number | undefined {
  try {
    const line = /^Max open files\s+(\d+|unlimited)/m.exec(
      readFileSync('/proc/self/limits', 'utf8'),
    );
    if (line === null) return undefined;
    return line[1] === 'unlimited' ? Number.POSITIVE_INFINITY : Number(line[1]);
  } catch {
    return undefined;
  }
}
