import http2 from 'node:http2';

/** Bare Node over h2c: reads a gRPC frame and answers one, without validating or storing. */
const frame = Buffer.alloc(5 + 8);
frame.writeUInt32BE(8, 1);

http2
  .createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      Buffer.concat(chunks);
      response.addTrailers({ 'grpc-status': '0' });
      response.writeHead(200, { 'content-type': 'application/grpc' });
      response.end(frame);
    });
  })
  .listen(Number(process.argv[2]), '127.0.0.1', () => console.log('ready'));
