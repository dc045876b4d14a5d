/** Lets one waiter wait until something made room, or for a while. */
export interface Room {
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
