/** Notices that a server takes messages and answers none. */
export interface AckWatch {
  /** Call it for each answer of a stream, also for an error. */
  answered(): void;
  /** Call it for each message that failed because no stream answered. */
  failed(): void;
  /** As text for operators; undefined unless messages have been without an answer for 3 s. */
  readonly silence: () => string | undefined;
  close(): void;
}

export interface AckWatchOptions {
  /** How many messages wait for an answer. */
  readonly waiting: () => number;
  /** Called about every second while messages have been without an answer for `silentMsMax`. */
  readonly onSilent: () => void;
  readonly now?: () => number;
}

/**
 * Longer than most elections of a leader (4 to 9 s; the earlier of two candidates starts one), and
 * short enough that producers are without an acknowledgement for less than 10 s.
 */
export const silentMsMax = 6_000;
/** Shorter than the time after which the client leaves a server that hangs. */
const reportedMsMin = 3_000;
const checkIntervalMs = 1_000;

/** Counts, and reads the counts once a second, so that it costs a message next to nothing. */
export function createAckWatch(options: AckWatchOptions): AckWatch {
  const { waiting, onSilent, now = () => performance.now() } = options;
  let answers = 0;
  let failures = 0;
  let lastAnswers = 0;
  let lastFailures = 0;
  /** When the first of the unanswered messages was noticed. */
  let since: number | undefined;

  const timer = setInterval(() => {
    const isWanted = waiting() > 0 || failures !== lastFailures;
    const isAnswered = answers !== lastAnswers;
    lastAnswers = answers;
    lastFailures = failures;
    if (isAnswered) since = undefined;
    else if (isWanted) {
      since ??= now();
      if (now() - since >= silentMsMax) onSilent();
    }
  }, checkIntervalMs);
  timer.unref();

  return {
    answered: () => void (answers += 1),
    failed: () => void (failures += 1),
    silence: () => {
      const silentMs = since === undefined || answers !== lastAnswers ? 0 : now() - since;
      if (silentMs < reportedMsMin) return undefined;
      return `the log has not answered for ${Math.round(silentMs / 1_000)} s`;
    },
    close: () => clearInterval(timer),
  };
}
