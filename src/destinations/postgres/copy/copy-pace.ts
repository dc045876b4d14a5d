/** Decides whether a batch goes by `COPY`. */
export interface CopyPace {
  mayCopy(): boolean;
  copied(): void;
  failed(): void;
}

/** Batches that go by `INSERT` at most before the next one tries `COPY` again. */
const pauseMax = 64;

/**
 * A batch with one event that is there already is refused whole, after some of its rows are written, and their room is lost
 * until the next VACUUM. Where that happens again and again, as during a redelivery, or where a proxy breaks the connection,
 * `COPY` pauses: for 1 batch, then 2, 4, up to 64. Each batch that goes well halves the pause.
 */
export function createCopyPace(): CopyPace {
  let pause = 0;
  let left = 0;
  return {
    mayCopy() {
      if (left === 0) return true;
      left -= 1;
      return false;
    },
    copied: () => void (pause >>= 1),
    failed() {
      pause = Math.min(pauseMax, Math.max(1, 2 * pause));
      left = pause;
    },
  };
}
