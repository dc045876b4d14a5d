import type { Config, TlsConfig } from '../../config/config.ts';
import type { GateCredentials } from '../../gate/gate.ts';
import type { AdminListener } from '../../operators/admin.ts';
import type { Signals } from '../../observability/signals.ts';
import { followContents, type FollowedContents } from './follow-contents.ts';
import { createTakeCertificate } from './take-certificate.ts';
import { createTakeConfiguration, type ConfigReader } from './take-configuration.ts';

export interface FollowFilesOptions {
  readonly config: Config;
  /** False: no port is open whose certificate could be followed. */
  readonly hasGate?: boolean;
  readonly reader: ConfigReader;
  readonly signals: Signals;
  readonly onChange: (credentials: GateCredentials) => void;
  /** What is followed for the admin port. */
  readonly admin: Pick<AdminListener, 'useOperators' | 'useTlsFiles'>;
}

export interface FollowedFiles {
  stop(): void;
}

function pathsOf({ cert, key, clientCa }: TlsConfig): string[] {
  return [cert, key, clientCa].filter((file) => file !== undefined);
}

/**
 * Follows keys, webhooks, operators and the TLS files until `stop`, and reads them at once at SIGHUP. A change that
 * cannot be used is reported, and what was in force stays. A change that may come from a file that was
 * cut waits: may-be-cut.ts.
 */
export function followFiles(options: FollowFilesOptions): FollowedFiles {
  const { config, reader, signals, onChange, admin, hasGate = true } = options;
  const tls = hasGate ? config.tls : undefined;
  const onError = (error: unknown): void => signals.trouble('following files', error);
  let inForce: GateCredentials = {
    keys: config.keys,
    webhooks: config.webhooks,
    tlsFiles: undefined,
  };
  const change = (changed: Partial<GateCredentials>): void => {
    inForce = { ...inForce, ...changed };
    onChange(inForce);
  };
  const followed: FollowedContents[] = [];
  const take = createTakeConfiguration({
    config,
    reader,
    signals,
    onChange: ({ keys, operators, webhooks }) => {
      admin.useOperators(operators);
      change({ keys, webhooks });
    },
  });
  followed.push(followContents({ paths: [reader.file], take, onError }));
  if (tls !== undefined) {
    const certificate = createTakeCertificate({
      tls,
      signals,
      onChange: (tlsFiles) => change({ tlsFiles }),
    });
    inForce = { ...inForce, tlsFiles: certificate.files };
    followed.push(followContents({ paths: pathsOf(tls), take: certificate.take, onError }));
  }
  if (config.admin.tls !== undefined) {
    const { tls: adminTls } = config.admin;
    const certificate = createTakeCertificate({
      tls: adminTls,
      port: 'admin',
      signals,
      onChange: (files) => admin.useTlsFiles(files),
    });
    // The files may have changed since the port was opened.
    admin.useTlsFiles(certificate.files);
    followed.push(followContents({ paths: pathsOf(adminTls), take: certificate.take, onError }));
  }
  const onHangUp = (): void => {
    for (const each of followed) each.offerNow();
  };
  process.on('SIGHUP', onHangUp);
  return {
    stop: () => {
      process.off('SIGHUP', onHangUp);
      for (const each of followed) each.stop();
    },
  };
}
