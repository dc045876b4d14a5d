/** Lets one loop sleep until a time, or until it is woken. */
export class Alarm {
  readonly #keepsAlive: boolean;
  #wake: (() => void) | undefined;

  /** @param keepsAlive the timer keeps the program running. */
  constructor(keepsAlive: boolean) {
    this.#keepsAlive = keepsAlive;
  }

  wake(): void {
    this.#wake?.();
  }

  /** Infinity sleeps until the next wake-up. */
  async sleep(delayMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (delayMs === Infinity) return;
      timer = setTimeout(resolve, delayMs);
      if (!this.#keepsAlive) timer.unref();
    });
    clearTimeout(timer);
    this.#wake = undefined;
  }
}
