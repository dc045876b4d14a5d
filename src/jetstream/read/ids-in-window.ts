import type { StreamInfo } from '@nats-io/jetstream';

import { clientsOf } from '../clients.ts';
import { withParts } from '../events/event-streams.ts';
import type { Log } from '../log.ts';

/** The message ids of events that nats-server remembers to recognize duplicates. */
export interface IdsInWindow {
  /** The longest window of the streams. */
  readonly windowMs: number;
  /** The ids of now. */
  readonly ids: number;
  /** The ids once the window has passed at the rate of its last tenth. */
  readonly idsAtPresentRate: number;
}

const rateShare = 0.1;

/** Counts by sequences, without reading events. Rejects when the log cannot be reached. */
export function countIdsInWindow(log: Log): Promise<IdsInWindow> {
  return withParts(log, 'EVENTS', async (parts) => {
    const { manager } = clientsOf(log);
    let counted: IdsInWindow = { windowMs: 0, ids: 0, idsAtPresentRate: 0 };
    for (const { stream } of parts) {
      const info = await manager.streams.info(stream);
      const windowMs = info.config.duplicate_window / 1_000_000;
      const recent = await countSince(log, info, windowMs * rateShare);
      counted = {
        windowMs: Math.max(counted.windowMs, windowMs),
        ids: counted.ids + (await countSince(log, info, windowMs)),
        idsAtPresentRate: counted.idsAtPresentRate + recent / rateShare,
      };
    }
    return counted;
  });
}

/** Events that were deleted among them count: their ids stay. */
async function countSince(log: Log, info: StreamInfo, spanMs: number): Promise<number> {
  const { config, state } = info;
  if (state.messages === 0) return 0;
  // The client's type lacks `ts`, the server's clock. Servers before 2.10 do not report it.
  const nowMs = Date.parse((info as { readonly ts?: string }).ts ?? state.last_ts);
  const query = { start_time: new Date(nowMs - spanMs) };
  const first = await clientsOf(log).manager.direct.getMessage(config.name, query);
  return first === null ? 0 : Math.max(0, state.last_seq - first.seq + 1);
}
