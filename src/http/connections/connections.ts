import type net from 'node:net';

import type { CallerConnection } from '../http-call.ts';
import { addressGroup, createIsTrusted, withoutMapping } from './address-groups.ts';
import { createEvictions, type Evictions } from './evictions.ts';
import { createFlooders } from './flooders.ts';
import { createReadingTurns, type ReadingTurns } from './reading-turns.ts';
import { OpenConnection, type ServedConnection } from './open-connection.ts';

/** Budgets of a listener's connections that can be used up. */
export type ConnectionLimit = 'connections' | 'control_frames';

export interface ConnectionsOptions {
  /** Of the listener. */
  readonly connectionsMax: number;
  /** Peers that no limit by address applies to: `trusted_proxies`. */
  readonly trustedProxies?: readonly string[] | undefined;
  /**
   * Callers that are not known give up their places also while they are served: whoever has no key would
   * otherwise keep all others out by requests that take long. Not for a listener whose callers need no key.
   */
  readonly onlyKnownStay?: boolean | undefined;
  /** A connection was refused, evicted or cut off. `who`: the address that caused it. */
  readonly limited?: ((limit: ConnectionLimit, who: string) => void) | undefined;
}

/** The connections of a listener, whatever serves them. */
export interface Connections {
  /**
   * Takes a new connection. If the listener is full, or its address has its share, one that does the
   * least gives up its place; if each works, the new one is destroyed and false returned.
   */
  admit(socket: net.Socket): boolean;
  /** A server reads the connection from now on. With TLS, `socket` is the inner one. */
  serve(socket: CallerConnection, served: ServedConnection): void;
  /** The part of its budgets for control frames that a new connection has: 1, or less after floods. */
  patience(socket: object): number;
  /**
   * Counts control frames beyond the usual ones among those of its address. Returns false if they are
   * too many. The last request of the connection had a valid key: they are not counted.
   */
  spendFrames(socket: object, frames: number): boolean;
  /** A server cuts the connection off because of frames that bring nothing. */
  flooded(socket: object): void;
  /** Every socket that is open. */
  readonly sockets: Iterable<net.Socket>;
  readonly readings: ReadingTurns;
}

/**
 * How much of a listener's connections one address may have. It is large because all producers may be
 * behind one address: the rest is what the others need to get in at once.
 */
const addressShare = 0.75;
const sweepMs = 1_000;

/** The connections that one address may have. */
export function connectionsOfAddressMax(connectionsMax: number): number {
  return Math.ceil(connectionsMax * addressShare);
}

export function createConnections(options: ConnectionsOptions): Connections {
  return new ConnectionTable(options);
}

class ConnectionTable implements Connections {
  private readonly connectionsMax: number;
  private readonly ofAddressMax: number;
  private readonly onlyKnownStay: boolean;
  private readonly isTrusted: (address: string) => boolean;
  private readonly limited: (limit: ConnectionLimit, who: string) => void;
  private readonly open = new Map<net.Socket, OpenConnection>();
  /** Also after they have closed: Node reports some floods late. */
  private readonly bySocket = new WeakMap<object, OpenConnection>();
  private readonly byPeer = new Map<string, OpenConnection>();
  private readonly counts = new Map<string, number>();
  readonly readings = createReadingTurns();
  private readonly flooders = createFlooders();
  private readonly evictions: Evictions;
  private timer: NodeJS.Timeout | undefined;

  constructor(options: ConnectionsOptions) {
    const { connectionsMax, trustedProxies = [] } = options;
    const { open, counts } = this;
    this.connectionsMax = connectionsMax;
    this.ofAddressMax = connectionsOfAddressMax(connectionsMax);
    this.onlyKnownStay = options.onlyKnownStay ?? false;
    this.isTrusted = createIsTrusted(trustedProxies);
    this.limited = options.limited ?? (() => {});
    this.evictions = createEvictions({ open: () => open.values(), counts });
  }

  admit(socket: net.Socket): boolean {
    const { open, byPeer, counts } = this;
    const ip = withoutMapping(socket.remoteAddress ?? '');
    const address = addressGroup(ip);
    const isProxy = this.isTrusted(ip);
    const isOverShare = !isProxy && (counts.get(address) ?? 0) >= this.ofAddressMax;
    const isFull = open.size >= this.connectionsMax;
    if ((isOverShare || isFull) && !this.makeRoom(isOverShare ? address : undefined)) {
      socket.destroy();
      return false;
    }
    const accepted = { socket, peer: peerOf(socket), address, isProxy };
    const connection = new OpenConnection(accepted, performance.now(), this.onlyKnownStay);
    open.set(socket, connection);
    this.bySocket.set(socket, connection);
    byPeer.set(connection.peer, connection);
    counts.set(address, (counts.get(address) ?? 0) + 1);
    socket.once('close', () => this.forget(connection));
    this.timer ??= setInterval(() => this.sweep(), sweepMs).unref();
    return true;
  }

  serve(socket: CallerConnection, served: ServedConnection): void {
    const connection = this.find(socket);
    if (connection === undefined) return;
    connection.serve(socket, served);
    this.bySocket.set(socket, connection);
  }

  patience(socket: object): number {
    const connection = this.find(socket);
    if (connection === undefined || connection.isProxy) return 1;
    return this.flooders.patience(connection.address, performance.now());
  }

  spendFrames(socket: object, frames: number): boolean {
    const connection = this.find(socket);
    if (connection === undefined || connection.isProxy || connection.isKnown) return true;
    return this.flooders.spend(connection.address, frames, performance.now());
  }

  flooded(socket: object): void {
    const connection = this.find(socket);
    if (connection === undefined) return;
    this.limited('control_frames', connection.address);
    if (!connection.isProxy) this.flooders.add(connection.address, performance.now());
  }

  get sockets(): Iterable<net.Socket> {
    return this.open.keys();
  }

  /** Makes room for one more, of `address` where that is given. */
  private makeRoom(address: string | undefined): boolean {
    const victim = this.evictions.next(address, performance.now());
    this.limited('connections', victim?.address ?? address ?? this.heaviest());
    if (victim === undefined) return false;
    victim.evict();
    this.forget(victim);
    return true;
  }

  private forget(connection: OpenConnection): void {
    const { open, byPeer, counts } = this;
    const { socket, peer, address } = connection;
    if (!open.delete(socket)) return;
    if (byPeer.get(peer) === connection) byPeer.delete(peer);
    const left = counts.get(address)! - 1;
    if (left === 0) counts.delete(address);
    else counts.set(address, left);
    if (open.size > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }

  private find(socket: object): OpenConnection | undefined {
    return this.bySocket.get(socket) ?? this.byPeer.get(peerOf(socket as net.Socket));
  }

  private sweep(): void {
    const now = performance.now();
    for (const connection of this.open.values()) connection.look(now);
  }

  /** The address with most connections. */
  private heaviest(): string {
    let found = '';
    let most = 0;
    for (const [address, count] of this.counts) {
      if (count > most) [found, most] = [address, count];
    }
    return found;
  }
}

/** What a connection of the table may send: http2/conduct.ts. */
export function standingOf(
  connections: Connections,
  socket: object,
): { readonly patience: number; spend(frames: number): boolean } {
  return {
    patience: connections.patience(socket),
    spend: (frames) => connections.spendFrames(socket, frames),
  };
}

/** Identifies an open connection from outside and from within TLS. */
function peerOf({ remoteAddress, remotePort }: net.Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
