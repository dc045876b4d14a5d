import type net from 'node:net';

/** New connections that one turn of the event loop takes. Each costs about 0.04 ms. */
export const arrivalsOfTurnMax = 32;

/**
 * Passes new connections on, in order, a few in each turn of the event loop. Hundreds that arrive at once (callers
 * that were disconnected come back together) would stop all others for tens of milliseconds.
 */
export function createArrivals(take: (socket: net.Socket) => void): (socket: net.Socket) => void {
  let waiting: net.Socket[] = [];
  let taken = 0;
  let isScheduled = false;
  const schedule = (): void => {
    if (isScheduled) return;
    isScheduled = true;
    setImmediate(nextTurn);
  };
  const nextTurn = (): void => {
    isScheduled = false;
    const turn = waiting.slice(0, arrivalsOfTurnMax);
    waiting = waiting.slice(arrivalsOfTurnMax);
    taken = turn.length;
    if (taken > 0) schedule();
    for (const socket of turn) if (!socket.destroyed) take(socket);
  };
  return (socket) => {
    if (waiting.length > 0 || taken >= arrivalsOfTurnMax) waiting.push(socket);
    else {
      taken += 1;
      take(socket);
    }
    schedule();
  };
}
