import http from 'node:http';

/** Node alone over HTTP/1.1: reads, parses, answers 202. Validates nothing, stores nothing. */
const answer = '{"status":"accepted"}';

http
  .createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      JSON.parse((chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)).toString());
      response.writeHead(202, {
        'content-type': 'application/json',
        'content-length': answer.length,
      });
      response.end(answer);
    });
  })
  .listen(Number(process.argv[2]), '127.0.0.1', () => console.log('ready'));
