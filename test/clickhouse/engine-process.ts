/**
 * A program: ClickHouse's own engine (npm's `chdb`, at the path in the first argument) behind as much
 * of its HTTP interface as a client needs. A process of its own, because the engine is native code.
 * Writes its port, and then serves until it is killed.
 */
import { writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import path from 'node:path';

interface Engine {
  queryAsync(sql: string, options: { format: string }): Promise<{ text(): string }>;
}

const [, , library = '', folder = ''] = process.argv;
const { Session } = createRequire(import.meta.url)(library) as {
  Session: new (folder: string) => Engine;
};
const engine = new Session(folder);

/** Of a request, what is no setting. */
const notSettings = new Set(['query', 'query_id', 'database', 'default_format', 'session_id']);

/** An insert without its rows. */
const insertWithRows = /^(INSERT INTO .*) FORMAT (\w+)$/is;
const rowsFile = path.join(folder, 'headgate-rows');

async function ask(sql: string, format: string): Promise<string> {
  return (await engine.queryAsync(sql, { format })).text();
}

async function answer(url: string, body: Buffer): Promise<string> {
  const parameters = new URL(url, 'http://host').searchParams;
  const statement = parameters.get('query');
  for (const [name, value] of parameters) {
    if (!notSettings.has(name)) await ask(`SET ${name} = '${value}'`, 'CSV');
  }
  if (statement === null) return ask(body.toString(), 'JSONEachRow');
  const insert = insertWithRows.exec(statement.trim());
  if (insert === null) return ask(`${statement}\n${body.toString()}`, 'JSONEachRow');
  // A server reads the rows from the connection. The library would look for statements in them, which takes more
  // time than the insert, and ends a binary format too early.
  writeFileSync(rowsFile, body);
  const [, into = '', format = ''] = insert;
  return ask(`${into} FROM INFILE '${rowsFile}' FORMAT ${format}`, 'CSV');
}

/** One request after the other: what one of them sets is for its own statement. */
let turn: Promise<void> = Promise.resolve();

function serve(request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    turn = turn.then(() => respond(request.url ?? '', Buffer.concat(chunks), response));
  });
}

async function respond(url: string, body: Buffer, response: ServerResponse): Promise<void> {
  try {
    const text = await answer(url, body);
    const headers = {
      'content-type': 'application/x-ndjson',
      'x-clickhouse-format': 'JSONEachRow',
    };
    response.writeHead(200, headers).end(text);
  } catch (error) {
    // The library puts words of its own before the engine's.
    const said = (error as Error).message.replace(/^.*?(?=Code: )/s, '');
    response.writeHead(500, { 'content-type': 'text/plain' }).end(said);
  }
}

const server = createServer(serve);
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
