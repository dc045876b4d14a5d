import { accessSync, constants } from 'node:fs';
import { lookup } from 'node:dns/promises';
import { connect } from 'node:net';
import path from 'node:path';

import type { Config, DestinationConfig } from '../config/config.ts';
import { missingClient } from '../destinations/client-package.ts';
import { refusedRange } from '../destinations/http-client/address-guard.ts';
import type { DestinationType } from '../destinations/destination.ts';
import { destinationTypeOf } from '../destinations/registry.ts';
import type { CheckFindings } from './finding.ts';
import { checkReadable, nearestFolder } from './check-host.ts';

/** Opens a connection to each destination and closes it again, which changes nothing there. */
export async function checkDestinations(findings: CheckFindings, config: Config): Promise<void> {
  if (config.destinations.length === 0)
    findings.skipped('no destination is configured: events stay in the log');
  await Promise.all(config.destinations.map((destination) => checkOne(findings, destination)));
}

async function checkOne(findings: CheckFindings, destination: DestinationConfig): Promise<void> {
  const { name, type, settings } = destination;
  const described = destinationTypeOf(type);
  const lacking = await missingClient(type);
  if (lacking !== undefined) {
    findings.failure(`${name} (${type}) lacks its npm package: the gate would not start`, lacking);
  }
  checkFiles(findings, destination, described);
  for (const { host, port } of placesOf(destination, described)) {
    const place = `${host}:${port}`;
    const refused = await tryConnection(host, port, settings['allow_private_addresses'] === false);
    if (refused === undefined) findings.ok(`${name} (${type}) can be reached at ${place}`);
    else {
      findings.failure(
        `${name} (${type}) cannot be reached at ${place}: ${refused.why}`,
        refused.isPrivate
          ? `Set allow_private_addresses: true in destinations.${name} if that is meant, or fix its address. Its events wait.`
          : `Check that it runs and that this machine can reach it, or fix destinations.${name}. Its events wait.`,
      );
    }
  }
}

function checkFiles(
  findings: CheckFindings,
  { name, type, settings }: DestinationConfig,
  described: DestinationType,
): void {
  for (const [setting, { type: kind, isMade }] of Object.entries(described.settings)) {
    const file = settings[setting];
    if (kind !== 'path' || typeof file !== 'string') continue;
    const where = `destinations.${name}.${setting}`;
    if (isMade !== true) {
      checkReadable(findings, file, where);
      continue;
    }
    const nearest = nearestFolder(file);
    try {
      accessSync(nearest, constants.W_OK);
      findings.ok(`${name} (${type}) can be written at ${path.resolve(file)}`);
    } catch {
      findings.failure(
        `${name} (${type}): ${nearest} cannot be written by this user`,
        `Fix its permissions, or ${where}.`,
      );
    }
  }
}

interface Place {
  readonly host: string;
  readonly port: number;
}

const defaultPorts: Readonly<Record<string, number>> = {
  'http:': 80,
  'https:': 443,
  'postgres:': 5432,
  'postgresql:': 5432,
};

const natsPort = 4222;

function placesOf({ settings }: DestinationConfig, described: DestinationType): Place[] {
  const places: Place[] = [];
  for (const [setting, { type: kind }] of Object.entries(described.settings)) {
    const value = settings[setting];
    if (typeof value !== 'string') continue;
    if (kind === 'url' && URL.canParse(value)) {
      const { hostname, port, protocol } = new URL(value);
      places.push({
        host: hostname.replace(/^\[(.*)\]$/, '$1'),
        port: Number(port) || defaultPorts[protocol]!,
      });
    } else if (described.type === 'nats' && setting === 'url') {
      for (const server of value.split(',')) {
        if (!URL.canParse(server.trim())) continue;
        const { hostname, port } = new URL(server.trim());
        places.push({
          host: hostname.replace(/^\[(.*)\]$/, '$1'),
          port: Number(port) || natsPort,
        });
      }
    } else if (setting === 'brokers') {
      for (const broker of value.split(',')) {
        const at = broker.trim().lastIndexOf(':');
        places.push({
          host: broker.trim().slice(0, at),
          port: Number(broker.trim().slice(at + 1)),
        });
      }
    }
  }
  return places;
}

const connectTimeoutMs = 5_000;

interface Unreachable {
  readonly why: string;
  /** The address is of a kind that is refused unless the settings allow it. */
  readonly isPrivate?: boolean;
}

/** Undefined if a server listens there. */
async function tryConnection(
  host: string,
  port: number,
  publicOnly: boolean,
): Promise<Unreachable | undefined> {
  let address: string;
  try {
    ({ address } = await lookup(host));
  } catch {
    return { why: 'its name is not known here' };
  }
  const range = publicOnly ? refusedRange(address) : undefined;
  if (range !== undefined) {
    return {
      why: `${address} is no public address (${range}), and allow_private_addresses is not set`,
      isPrivate: true,
    };
  }
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, timeout: connectTimeoutMs });
    const end = (why?: string): void => {
      socket.destroy();
      resolve(why === undefined ? undefined : { why });
    };
    socket.once('connect', () => end());
    socket.once('timeout', () => end(`no answer within ${connectTimeoutMs / 1_000} s`));
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
  });
}
