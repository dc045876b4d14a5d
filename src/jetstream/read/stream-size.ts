import { clientsOf } from '../clients.ts';
import type { Log } from '../log.ts';
import type { StreamName } from '../topology.ts';

export interface StreamRoom {
  readonly bytes: number;
  /** The limit of the stream. */
  readonly bytesMax: number;
}

/** The size of a stream. Not for EVENTS. Rejects when the log cannot be reached. */
export async function sizeOf(log: Log, stream: Exclude<StreamName, 'EVENTS'>): Promise<StreamRoom> {
  const { config, state } = await clientsOf(log).manager.streams.info(stream);
  return { bytes: state.bytes, bytesMax: config.max_bytes };
}
