/**
 * A program: ClickHouse's own engine (npm's `chdb`, at the path in the first argument) behind as much
 * of its HTTP interface as a client needs. A process of its own, because the engine is native code.
 * Writes its port, and then serves until it is killed.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';

interface Engine {
  query(sql: string, format: string): string;
}

const [, , library = '', folder = ''] = process.argv;
const { Session } = createRequire(import.meta.url)(library) as {
  Session: new (folder: string) => Engine;
};
const engine = new Session(folder);

/** Of a request, what is no setting. */
const notSettings = new Set(['query', 'query_id', 'database', 'default_format', 'session_id']);

function answer(url: string, body: string): string {
  const parameters = new URL(url, 'http://host').searchParams;
  const statement = parameters.get('query');
  for (const [name, value] of parameters) {
    if (!notSettings.has(name)) engine.query(`SET ${name} = '${value}'`, 'CSV');
  }
  const sql = statement === null ? body : `${statement}\n${body}`;
  return engine.query(sql, 'JSONEachRow');
}

function serve(request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    try {
      const text = answer(request.url ?? '', Buffer.concat(chunks).toString());
      response.writeHead(200, { 'content-type': 'application/x-ndjson' }).end(text);
    } catch (error) {
      // The library puts words of its own before the engine's.
      const said = (error as Error).message.replace(/^.*?(?=Code: )/s, '');
      response.writeHead(500, { 'content-type': 'text/plain' }).end(said);
    }
  });
}

const server = createServer(serve);
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
