/**
 * The server that the conformance cases are put to: their service behind the gate's own listener. One
 * request of type ServerCompatRequest on standard input tells how it is to be; the answer on standard
 * output, where it is. Ends with SIGTERM.
 */
import { mkdtempSync, readFileSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { create, createFileRegistry, fromBinary, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

import { listen } from '../../src/http/listen.ts';
import { createUniversalEndpoint } from '../../src/http/universal.ts';
import { httpEngine } from '../http-engine.ts';
import { registerConformance } from './conformance-service.ts';

interface Wanted {
  readonly useTls: boolean;
  readonly messageReceiveLimit: number;
  readonly serverCreds?: { readonly cert: Uint8Array; readonly key: Uint8Array };
}

const descriptors = fromBinary(FileDescriptorSetSchema, readFileSync(process.argv[2]!));
const registry = createFileRegistry(descriptors);
const service = registry.getService('connectrpc.conformance.v1.ConformanceService')!;
const requestSchema = registry.getMessage('connectrpc.conformance.v1.ServerCompatRequest')!;
const responseSchema = registry.getMessage('connectrpc.conformance.v1.ServerCompatResponse')!;

function readExactly(bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  for (let read = 0; read < bytes;) {
    const more = readSync(0, buffer, read, bytes - read, null);
    if (more === 0) throw new Error('standard input ended early');
    read += more;
  }
  return buffer;
}

const length = readExactly(4).readUInt32BE();
const wanted = fromBinary(requestSchema, readExactly(length)) as unknown as Wanted;

const folder = mkdtempSync(path.join(tmpdir(), 'headgate-conformance-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
process.once('SIGTERM', () => process.exit(0));

function tlsFiles(): { cert: string; key: string } | undefined {
  if (!wanted.useTls) return undefined;
  const files = { cert: path.join(folder, 'cert.pem'), key: path.join(folder, 'key.pem') };
  writeFileSync(files.cert, wanted.serverCreds!.cert);
  writeFileSync(files.key, wanted.serverCreds!.key, { mode: 0o600 });
  return files;
}

const door = createUniversalEndpoint((router) => registerConformance(router, service), {
  jsonOptions: { registry },
  ...(wanted.messageReceiveLimit > 0 && { readMaxBytes: wanted.messageReceiveLimit }),
});
const listener = await listen({
  address: { host: '127.0.0.1', port: 0 },
  tls: tlsFiles(),
  engine: httpEngine,
  handle: (call) => {
    if (!door.serve(call, 'conformance')) call.reply(404, {}, '');
  },
  setting: 'none',
  idleTimeoutMs: 60_000,
  requestTimeoutMs: 60_000,
  connectionsMax: 10_000,
});

const { host, port } = listener.address;
const pemCert = wanted.serverCreds?.cert ?? new Uint8Array();
const answer = toBinary(responseSchema, create(responseSchema, { host, port, pemCert } as never));
const prefix = Buffer.alloc(4);
prefix.writeUInt32BE(answer.length);
process.stdout.write(Buffer.concat([prefix, answer]));
