/**
 * The server under test: the service of the conformance cases behind the gate's own listener.
 *
 *     node test/conformance/server.ts DESCRIPTORS connect-node|unary
 *
 * Reads one ServerCompatRequest from standard input, starts the server that it describes, and
 * writes its address to standard output. Ends on SIGTERM.
 */
import { mkdtempSync, readFileSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { create, createFileRegistry, fromBinary, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

import type { Listener } from '../../src/http/listen.ts';
import { createUniversalEndpoint } from '../../src/http/universal.ts';
import { registerConformance } from './conformance-service.ts';
import { openGateListener, openListener } from './gate-listener.ts';
import { createConformanceRpcs } from './unary-rpcs.ts';

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

/** With the library's handlers. */
function openConnectNode(): Promise<Listener> {
  const endpoint = createUniversalEndpoint((router) => registerConformance(router, service), {
    jsonOptions: { registry },
    ...(wanted.messageReceiveLimit > 0 && { readMaxBytes: wanted.messageReceiveLimit }),
  });
  return openListener(tlsFiles(), {
    handle: (call) => {
      if (!endpoint.serve(call, 'conformance', call.url.split('?', 1)[0]!)) call.reply(404, {}, '');
    },
  });
}

/** With the gate's own code for unary calls. */
function openUnary(): Promise<Listener> {
  const requestBytesMax = wanted.messageReceiveLimit || 4 * 1024 * 1024;
  return openGateListener(tlsFiles(), requestBytesMax, createConformanceRpcs(service, registry));
}

const listener = await (process.argv[3] === 'unary' ? openUnary() : openConnectNode());
const { host, port } = listener.address;
const pemCert = wanted.serverCreds?.cert ?? new Uint8Array();
const answer = toBinary(responseSchema, create(responseSchema, { host, port, pemCert } as never));
const prefix = Buffer.alloc(4);
prefix.writeUInt32BE(answer.length);
process.stdout.write(Buffer.concat([prefix, answer]));
