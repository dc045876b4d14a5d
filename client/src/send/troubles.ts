export interface TroubleSignals {
  trouble(message: string): void;
  recovered(): void;
}

/**
 * `outage`: no event gets through. `waiting`: some events wait, and others get through.
 */
export type TroubleKind = 'outage' | 'waiting';

/** Reports each kind of trouble once, until it is over. */
export class Troubles {
  readonly #signals: TroubleSignals;
  #message = '';
  readonly #reported = new Set<TroubleKind>();

  constructor(signals: TroubleSignals) {
    this.#signals = signals;
  }

  report(kind: TroubleKind, message: string): void {
    if (this.#reported.has(kind)) return;
    // The same fault may first look like an outage.
    const isKnown = this.#reported.size > 0 && message === this.#message;
    this.#reported.add(kind);
    this.#message = message;
    if (!isKnown) this.#signals.trouble(message);
  }

  /** Reports the recovery when no trouble of any kind is left. */
  end(kind: TroubleKind): void {
    if (this.#reported.delete(kind) && this.#reported.size === 0) this.#signals.recovered();
  }
}
