import net from 'node:net';
import tls from 'node:tls';

import type { TlsConfig } from '../config/config.ts';
import type { HttpEngine } from './engine.ts';
import { readTlsFiles, secureOptions, type TlsFiles } from './tls-files.ts';

export interface FrontOptions {
  /** Undefined: no TLS. */
  readonly tls: TlsConfig | undefined;
  /** The contents of its files, if they were read already. */
  readonly tlsFiles?: TlsFiles | undefined;
  readonly requestTimeoutMs: number;
}

/** The first bytes of an HTTP/2 connection (RFC 9113 §3.4). No HTTP/1.1 method begins with them. */
const http2Preface = Buffer.from('PRI');

/** The timeout of a connection that has opened and sent nothing yet. */
const firstBytesTimeoutMs = 10_000;

/**
 * Accepts connections and passes each to the engine's server for its protocol. With TLS the
 * handshake (ALPN) selects the protocol, without TLS the first three bytes do. Throws a StartError
 * if the certificate cannot be read.
 */
export function createFront(options: FrontOptions, engine: HttpEngine): net.Server {
  const timeoutMs = Math.min(options.requestTimeoutMs, firstBytesTimeoutMs);
  return options.tls === undefined
    ? createPlainFront(engine, timeoutMs)
    : createTlsFront(options.tls, options.tlsFiles ?? readTlsFiles(options.tls), engine, timeoutMs);
}

function createTlsFront(
  config: TlsConfig,
  files: TlsFiles,
  engine: HttpEngine,
  timeoutMs: number,
): net.Server {
  const ALPNProtocols = ['h2', 'http/1.1'];
  const secure = {
    ...secureOptions(config, files),
    ALPNProtocols,
    handshakeTimeout: timeoutMs,
    requestCert: (config.clientAuth ?? 'off') !== 'off',
    rejectUnauthorized: config.clientAuth === 'required',
  };
  const server = tls.createServer(secure, (socket) => {
    // `optional` accepts no certificate, but not one that another CA signed.
    if (config.clientAuth === 'optional' && !socket.authorized && hasCertificate(socket)) {
      socket.destroy();
    } else if (socket.alpnProtocol === 'h2') engine.takeHttp2(socket, undefined);
    else {
      awaitFirstBytes(socket, timeoutMs, (start) => {
        engine.takeHttp1(socket, start);
        return true;
      });
    }
  });
  // Node reports a handshake timeout here, and leaves the socket open.
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  return server;
}

function hasCertificate(socket: tls.TLSSocket): boolean {
  return Object.keys(socket.getPeerCertificate()).length > 0;
}

function createPlainFront(engine: HttpEngine, timeoutMs: number): net.Server {
  return net.createServer((socket) => {
    let seen: Buffer | undefined;
    awaitFirstBytes(socket, timeoutMs, (chunk) => {
      const start = seen === undefined ? chunk : Buffer.concat([seen, chunk]);
      const compared = Math.min(start.length, http2Preface.length);
      const isPrefix = start.compare(http2Preface, 0, compared, 0, compared) === 0;
      if (isPrefix && compared < http2Preface.length) {
        seen = start;
        return false;
      }
      if (isPrefix) engine.takeHttp2(socket, start);
      else engine.takeHttp1(socket, start);
      return true;
    });
  });
}

/** Calls `onBytes` with each chunk until it returns true; ends the connection after `timeoutMs`. */
function awaitFirstBytes(
  socket: net.Socket,
  timeoutMs: number,
  onBytes: (chunk: Buffer) => boolean,
): void {
  const timer = setTimeout(() => socket.destroy(), timeoutMs);
  socket.on('error', () => socket.destroy());
  const stopWaiting = (): void => clearTimeout(timer);
  socket.once('close', stopWaiting);
  const look = (chunk: Buffer): void => {
    socket.off('data', look);
    if (onBytes(chunk)) stopWaiting();
    else socket.on('data', look);
  };
  socket.on('data', look);
}
