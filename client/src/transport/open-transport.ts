import type { Protocol, Transport, TransportOptions } from './transport.ts';

/** Loads the transport of the protocol, and nothing of the others. It connects with the first request. */
export async function openTransport(
  protocol: Protocol,
  options: TransportOptions,
): Promise<Transport> {
  if (protocol === 'json') return (await import('./json-transport.ts')).openJsonTransport(options);
  return (await import('./rpc-transport.ts')).openRpcTransport(protocol, options);
}
