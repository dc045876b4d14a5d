/** Lets one caller wait for room in the spool. */
export interface Room {
  /** Resolves at the next open(), or after `msMax`. */
  wait(msMax: number): Promise<void>;
  open(): void;
}

export function createRoom(): Room {
  let wake: (() => void) | undefined;
  return {
    wait: (msMax) =>
      new Promise((resolve) => {
        const timer = setTimeout(() => wake?.(), msMax);
        wake = () => {
          clearTimeout(timer);
          wake = undefined;
          resolve();
        };
      }),
    open: () => wake?.(),
  };
}
