import { StartError } from '../errors.ts';
import { whenAborted } from './when-aborted.ts';

// What the clients of Google have in common.

/** By default clients share connections, so that a new one would be given a dead one. */
export const ownConnections = { 'grpc.use_local_subchannel_pool': 1 };

/** Also `example.com:my-project`, of domains that had projects before 2013. */
const projectText = /^(?:[a-z\d.-]{1,253}:)?[a-z][a-z\d-]{3,61}[a-z\d]$/;

/** The project of a destination. Throws a StartError. */
export function readProject(name: string, settings: Readonly<Record<string, unknown>>): string {
  const project = String(settings['project']);
  if (projectText.test(project)) return project;
  throw new StartError(`destinations.${name}.project: it is not the id of a project: my-project`);
}

/** An address of a service. */
export interface GoogleAddress {
  /** Host, with a port if it is not 443. */
  readonly host: string;
  /** False with `http://`: in the clear, without credentials. */
  readonly isSecure: boolean;
}

/**
 * The address that a setting gives, else Google's own. Throws a StartError.
 *
 * @param place `destinations.lake.endpoint`
 * @param example of a host that can be given.
 */
export function readAddress(
  place: string,
  given: unknown,
  host: string,
  example = host,
): GoogleAddress {
  if (given === null || given === undefined) return { host, isSecure: true };
  const url = URL.parse(String(given));
  if (url === null || !/^https?:$/.test(url.protocol) || url.pathname !== '/') {
    throw new StartError(`${place}: give a scheme, a host and a port, such as https://${example}`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new StartError(
      `${place}: leave out the user and password: credentials come from the environment of Google`,
    );
  }
  return { host: url.host, isSecure: url.protocol === 'https:' };
}

/** A client that can be opened and closed, as the vendor's clients are. */
interface VendorClient {
  initialize(): Promise<unknown>;
  close(): Promise<void>;
}

/** Opens it here, because the first call would leave a rejection that ends the process if there are no credentials. */
export async function initialized<Client extends VendorClient>(client: Client): Promise<Client> {
  await client.initialize();
  return client;
}

/** A client, and whatever lives as long as it does. */
export interface OpenedClient<Client> {
  readonly opened: Promise<Client>;
}

export interface ReplacedClientOptions<Used, Failure> {
  readonly timeoutMs: number;
  readonly open: () => Used;
  /** Called before the client is closed. */
  readonly release?: (used: Used) => void;
  /** The error to reject with. `isLate`: there was no answer in time. */
  readonly errorOf: (cause: unknown, isLate: boolean) => Failure;
  /** Whether an error was said about the request, so that the client is sound. */
  readonly isAnswer: (error: Failure) => boolean;
}

/** Asks a client, and another one after a failure. */
export interface ReplacedClient<Used> {
  ask<Value>(signal: AbortSignal, ask: (used: Used) => Promise<Value>): Promise<Value>;
  close(): Promise<void>;
}

/**
 * A client keeps what may be the reason of a failure: a connection that is dead without having ended, a wait
 * before the next one, credentials. So it is dropped after each that is no answer.
 */
export function createReplacedClient<Used extends OpenedClient<VendorClient>, Failure>(
  options: ReplacedClientOptions<Used, Failure>,
): ReplacedClient<Used> {
  const { timeoutMs, open, release, errorOf, isAnswer } = options;
  let client: Used | undefined;
  const close = async (used: Used): Promise<void> => {
    release?.(used);
    try {
      await (await used.opened).close();
    } catch {
      // One that could not be opened has nothing to close.
    }
  };
  return {
    async ask(signal, ask) {
      const used = (client ??= open());
      const timeout = AbortSignal.timeout(timeoutMs);
      const aborted = whenAborted(AbortSignal.any([signal, timeout]));
      const asking = ask(used);
      // The race may be over before.
      asking.catch(() => undefined);
      try {
        return await Promise.race([asking, aborted.promise]);
      } catch (cause) {
        const error = errorOf(cause, timeout.aborted && !signal.aborted);
        if (!isAnswer(error)) {
          if (client === used) client = undefined;
          void close(used);
        }
        throw error;
      } finally {
        aborted.forget();
      }
    },
    close: async () => (client === undefined ? undefined : close(client)),
  };
}
