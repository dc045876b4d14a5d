import { v1, type protos } from '@google-cloud/bigquery-storage';

import { whenAborted } from '../when-aborted.ts';
import type { BigqueryColumn } from './columns.ts';
import { BigqueryError, errorOf, grpcCodes } from './fault.ts';
import type { Append } from './journal.ts';
import { rowDescriptor } from './rows.ts';
import type { BigquerySettings } from './settings.ts';

type ClientOptions = NonNullable<ConstructorParameters<typeof v1.BigQueryWriteClient>[0]>;
type Credentials = NonNullable<ClientOptions['sslCreds']>;
type AppendResponse = protos.google.cloud.bigquery.storage.v1.IAppendRowsResponse;

/** The Storage Write API. Everything rejects with a BigqueryError. */
export interface Storage {
  /** The name of a new stream of a table, whose rows are there as soon as they are written. */
  createStream(table: string, signal: AbortSignal): Promise<string>;
  /** Resolves when the table has the rows, also if it had them before. */
  append(append: Append, signal: AbortSignal): Promise<void>;
  /** Headers with credentials for the API that makes tables. */
  headers(url: string): Promise<Headers>;
  close(): Promise<void>;
}

/** An open call of AppendRows, with one request under way at a time. */
interface Connection {
  readonly call: ReturnType<v1.BigQueryWriteClient['appendRows']>;
  answered: (answer: AppendResponse | BigqueryError) => void;
}

interface Client {
  readonly opened: Promise<v1.BigQueryWriteClient>;
  /** By the name of the stream. */
  readonly connections: Map<string, Connection>;
}

export function createStorage(settings: BigquerySettings): Storage {
  const { project, dataset, timeoutMs } = settings;
  let client: Client | undefined;
  const use = (): Client => (client ??= { opened: openClient(settings), connections: new Map() });
  /** A client keeps what may be the reason: a dead connection, a wait before the next one, credentials. */
  const drop = (dropped: Client): void => {
    if (client === dropped) client = undefined;
    void closeClient(dropped);
  };
  const asked = async <Value>(
    signal: AbortSignal,
    ask: (used: Client) => Promise<Value>,
  ): Promise<Value> => {
    const used = use();
    const timeout = AbortSignal.timeout(timeoutMs);
    const aborted = whenAborted(AbortSignal.any([signal, timeout]));
    const asking = ask(used);
    // The race may be over before.
    asking.catch(() => undefined);
    try {
      return await Promise.race([asking, aborted.promise]);
    } catch (cause) {
      const isLate = timeout.aborted && !signal.aborted;
      const error = isLate ? noAnswer(timeoutMs) : errorOf(cause);
      if (!isAnswer(error)) drop(used);
      throw error;
    } finally {
      aborted.forget();
    }
  };
  return {
    createStream: (table, signal) =>
      asked(signal, async ({ opened }) => {
        const parent = `projects/${project}/datasets/${dataset}/tables/${table}`;
        const request = { parent, writeStream: { type: 'COMMITTED' as const } };
        const options = { timeout: timeoutMs, retry: null };
        const [stream] = await (await opened).createWriteStream(request, options);
        return String(stream.name);
      }),
    append: (append, signal) => asked(signal, (used) => appendRows(used, append)),
    headers: async (url) => {
      if (!settings.api.isSecure) return new Headers();
      return asked(new AbortController().signal, async ({ opened }) => {
        const { auth } = await opened;
        return new Headers(await auth.getRequestHeaders(url));
      });
    },
    close: async () => (client === undefined ? undefined : closeClient(client)),
  };
}

function noAnswer(timeoutMs: number): BigqueryError {
  return new BigqueryError(`no answer within ${timeoutMs} ms`, grpcCodes.deadlineExceeded);
}

/** What was said about the request. */
function isAnswer({ code }: BigqueryError): boolean {
  const codes: readonly unknown[] = [
    grpcCodes.invalidArgument,
    grpcCodes.notFound,
    grpcCodes.failedPrecondition,
    grpcCodes.outOfRange,
  ];
  return codes.includes(code);
}

async function openClient({ storage }: BigquerySettings): Promise<v1.BigQueryWriteClient> {
  const [apiEndpoint, port] = storage.host.split(':') as [string, string?];
  const options = {
    apiEndpoint,
    ...(port === undefined ? {} : { port: Number(port) }),
    // By default clients share connections, so that a new one would be given the dead one.
    'grpc.use_local_subchannel_pool': 1,
  };
  const client = new v1.BigQueryWriteClient(
    storage.isSecure ? options : { ...options, sslCreds: insecureCredentials() },
  );
  // Here, because the first call would leave a rejection that ends the process if there are no credentials.
  await client.initialize();
  return client;
}

interface GrpcOfClient {
  readonly grpc: { readonly credentials: { createInsecure(): Credentials } };
}

/** Of the copy of gRPC that the client uses, which has no other way to it. */
function insecureCredentials(): Credentials {
  const { grpc } = Reflect.get(new v1.BigQueryWriteClient(), '_gaxGrpc') as GrpcOfClient;
  return grpc.credentials.createInsecure();
}

async function appendRows(used: Client, append: Append): Promise<void> {
  const client = await used.opened;
  const connection = used.connections.get(append.stream) ?? connect(client, used, append.stream);
  const { promise, resolve } = Promise.withResolvers<AppendResponse | BigqueryError>();
  connection.answered = resolve;
  connection.call.write(requestOf(append, append.columns));
  const answer = await promise;
  const error = answer instanceof BigqueryError ? answer : errorIn(answer);
  if (error === undefined) return;
  used.connections.delete(append.stream);
  connection.call.cancel();
  if (error.code !== grpcCodes.alreadyExists) throw error;
}

function connect(client: v1.BigQueryWriteClient, used: Client, stream: string): Connection {
  const connection: Connection = { call: client.appendRows(), answered: () => undefined };
  const end = (error: BigqueryError): void => {
    if (used.connections.get(stream) === connection) used.connections.delete(stream);
    connection.answered(error);
  };
  connection.call.on('data', (answer: AppendResponse) => connection.answered(answer));
  connection.call.on('error', (error: unknown) => end(errorOf(error)));
  connection.call.on('close', () =>
    end(new BigqueryError('the connection ended', grpcCodes.unavailable)),
  );
  used.connections.set(stream, connection);
  return connection;
}

function requestOf({ stream, offset, rows }: Append, columns: readonly BigqueryColumn[]) {
  return {
    writeStream: stream,
    offset: { value: String(offset) },
    protoRows: {
      // Only the first request of a connection must have it. It is small beside the rows.
      writerSchema: { protoDescriptor: rowDescriptor(columns) },
      rows: { serializedRows: rows.map(({ bytes }) => bytes) },
    },
  };
}

function errorIn({ error, rowErrors }: AppendResponse): BigqueryError | undefined {
  const refused = rowErrors ?? [];
  if (!error?.code && refused.length === 0) return undefined;
  const rows = new Map(
    refused.map(({ index, message }) => [Number(index ?? 0), String(message ?? '')] as const),
  );
  const code = error?.code || grpcCodes.invalidArgument;
  return new BigqueryError(String(error?.message || 'rows were refused'), code, rows);
}

/** A client that could not be opened has nothing to close. */
async function closeClient({ opened, connections }: Client): Promise<void> {
  for (const { call } of connections.values()) call.cancel();
  try {
    await (await opened).close();
  } catch {
    // As above.
  }
}
