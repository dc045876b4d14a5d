import { Code } from '@connectrpc/connect';
import { v1, type protos } from '@google-cloud/bigquery-storage';

import {
  createReplacedClient,
  initialized,
  ownConnections,
  type OpenedClient,
} from '../google-client.ts';
import type { DeclaredColumn } from '../described-tables.ts';
import { BigqueryError, errorOf } from './fault.ts';
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

interface Client extends OpenedClient<v1.BigQueryWriteClient> {
  /** By the name of the stream. */
  readonly connections: Map<string, Connection>;
}

export function createStorage(settings: BigquerySettings): Storage {
  const { project, dataset, timeoutMs } = settings;
  const client = createReplacedClient<Client, BigqueryError>({
    timeoutMs,
    open: () => ({ opened: openClient(settings), connections: new Map() }),
    release: ({ connections }) => {
      for (const { call } of connections.values()) call.cancel();
    },
    errorOf: (cause, isLate) => (isLate ? noAnswer(timeoutMs) : errorOf(cause)),
    isAnswer,
  });
  return {
    createStream: (table, signal) =>
      client.ask(signal, async ({ opened }) => {
        const parent = `projects/${project}/datasets/${dataset}/tables/${table}`;
        const request = { parent, writeStream: { type: 'COMMITTED' as const } };
        const options = { timeout: timeoutMs, retry: null };
        const [stream] = await (await opened).createWriteStream(request, options);
        return String(stream.name);
      }),
    append: (append, signal) => client.ask(signal, (used) => appendRows(used, append)),
    headers: async (url) => {
      if (!settings.api.isSecure) return new Headers();
      return client.ask(new AbortController().signal, async ({ opened }) => {
        const { auth } = await opened;
        return new Headers(await auth.getRequestHeaders(url));
      });
    },
    close: client.close,
  };
}

function noAnswer(timeoutMs: number): BigqueryError {
  return new BigqueryError(`no answer within ${timeoutMs} ms`, Code.DeadlineExceeded);
}

/** What was said about the request. */
function isAnswer({ code }: BigqueryError): boolean {
  const codes: readonly unknown[] = [
    Code.InvalidArgument,
    Code.NotFound,
    Code.FailedPrecondition,
    Code.OutOfRange,
  ];
  return codes.includes(code);
}

async function openClient({ storage }: BigquerySettings): Promise<v1.BigQueryWriteClient> {
  const [apiEndpoint, port] = storage.host.split(':') as [string, string?];
  const options = {
    apiEndpoint,
    ...(port === undefined ? {} : { port: Number(port) }),
    ...ownConnections,
  };
  return await initialized(
    new v1.BigQueryWriteClient(
      storage.isSecure ? options : { ...options, sslCreds: insecureCredentials() },
    ),
  );
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
  if (error.code !== Code.AlreadyExists) throw error;
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
    end(new BigqueryError('the connection ended', Code.Unavailable)),
  );
  used.connections.set(stream, connection);
  return connection;
}

function requestOf({ stream, offset, rows }: Append, columns: readonly DeclaredColumn[]) {
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
  const code = error?.code || Code.InvalidArgument;
  return new BigqueryError(String(error?.message || 'rows were refused'), code, rows);
}
