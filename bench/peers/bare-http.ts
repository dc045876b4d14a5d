import http from 'node:http';

/** Bare Node over HTTP/1.1: reads, parses and answers 202, without validating or storing. */
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
