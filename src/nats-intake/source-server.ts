import type { Config } from '../config/config.ts';
import type { NatsIntake } from '../config/intake/nats-intake.ts';
import { checkServerFiles, readNatsServer, type NatsServer } from '../destinations/nats/server.ts';
import { StartError } from '../errors.ts';
import type { OtherServer } from '../jetstream/other/other-stream.ts';
import type { ServerAddress } from '../jetstream/server/embedded-server.ts';
import { isStreamOfLog } from '../jetstream/topology.ts';

/** A source of `intake.nats`, with the way to its NATS. */
export interface NatsSource extends Pick<NatsIntake, 'source' | 'stream' | 'consumer' | 'format'> {
  readonly server: OtherServer;
}

/**
 * The sources of the configuration. Throws a StartError for settings that can never work. `own` is
 * the NATS of the log.
 */
export function readNatsSources(
  { intake }: Pick<Config, 'intake'>,
  own: ServerAddress,
): NatsSource[] {
  return intake.nats.map((entry) => readNatsSource(entry, () => own));
}

/** The same for one source. `own` is called if it is on the NATS of the log. */
export function readNatsSource(entry: NatsIntake, own: () => ServerAddress): NatsSource {
  return { ...entry, server: serverOf(entry, own) };
}

/**
 * Throws a StartError for a file that cannot be read. For the start and for `headgate doctor`: later it
 * is a fault like any other of that NATS.
 */
export function checkSourceFiles({ source, server }: NatsSource): void {
  const files = { creds_file: server.credsFile, tls_ca: server.tls?.caFile };
  checkServerFiles(`intake.nats.${source}`, files);
}

function serverOf({ source, stream, server }: NatsIntake, own: () => ServerAddress): OtherServer {
  const under = `intake.nats.${source}`;
  if (server === undefined) {
    if (!isStreamOfLog(stream)) return own();
    throw new StartError(
      `${under}.stream: ${stream} is a stream of Headgate's own log: its events would come in ` +
        'again and again. Name a stream of yours, or set url.',
    );
  }
  const read = readNatsServer(
    (setting) => server[setting],
    (setting, text) => {
      throw new StartError(`${under}.${setting}: ${text}`);
    },
  );
  return { servers: read.servers, tls: read.tls, ...loginOf(read) };
}

function loginOf({ login }: NatsServer): Partial<OtherServer> {
  switch (login.kind) {
    case 'user':
      return { user: login.user, password: login.password };
    case 'token':
      return { token: login.token };
    case 'creds':
      return { credsFile: login.file };
    case 'none':
      return {};
  }
}
