/** Releases everything that was started, last in first out, once. */
export interface Lifecycle {
  /** Remembers how to release something that was just started. */
  onRelease(name: string, release: () => Promise<void> | void): void;
  /** Returns the same promise each time. A failed release does not prevent the others. */
  release(): Promise<void>;
}

export function createLifecycle(
  onFailure: (name: string, error: unknown) => void,
  onReleased: (name: string, ms: number) => void = () => {},
): Lifecycle {
  const releasers: { name: string; release: () => Promise<void> | void }[] = [];
  let releasing: Promise<void> | undefined;

  const releaseAll = async (): Promise<void> => {
    let next = releasers.pop();
    while (next !== undefined) {
      const startedAt = performance.now();
      try {
        await next.release();
        onReleased(next.name, performance.now() - startedAt);
      } catch (error) {
        onFailure(next.name, error);
      }
      next = releasers.pop();
    }
  };

  return {
    onRelease: (name, release) => {
      releasers.push({ name, release });
    },
    release: () => (releasing ??= releaseAll()),
  };
}
