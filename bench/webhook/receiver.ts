import net from 'node:net';

/**
 * A receiver of webhooks that costs little: it finds the end of each request, keeps its `webhook-id`,
 * and answers 204. Sends its port to the parent process, and on a message how many requests and how
 * many different ids have come since the last one.
 */
let requests = 0;
let ids = new Set<string>();

const answer = Buffer.from('HTTP/1.1 204 No Content\r\n\r\n');

function onConnection(socket: net.Socket): void {
  let held: Buffer<ArrayBufferLike> = Buffer.alloc(0);
  socket.setNoDelay(true);
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    for (;;) {
      const headEnd = held.indexOf('\r\n\r\n');
      if (headEnd === -1) return;
      const head = held.toString('latin1', 0, headEnd);
      const end = headEnd + 4 + Number(/content-length: (\d+)/i.exec(head)![1]);
      if (held.length < end) return;
      held = held.subarray(end);
      requests += 1;
      ids.add(/webhook-id: (\S+)/i.exec(head)![1]!);
      socket.write(answer);
    }
  });
}

const server = net.createServer(onConnection);
server.listen(0, '127.0.0.1', () => {
  process.send!({ port: (server.address() as net.AddressInfo).port });
});
process.on('message', () => {
  process.send!({ requests, ids: ids.size });
  requests = 0;
  ids = new Set();
});
