/** Every number of the alerts, with its reason. After a change, run `npm run generate`. */
export const thresholds = {
  volume: {
    /** Compared with the same hour last week. */
    dropRatio: 0.2,
    /** Events per hour. Below this, chance alone explains most changes. */
    baselineMin: 20,
    /**
     * The drop, in standard deviations of the difference of two counts. With 3, chance alone gives
     * one false alarm in 740 evaluations. A drop of exactly 20% is detected from 405 events per hour,
     * one of 50% from 54.
     */
    deviations: 3,
    /** The share of the gates' scrapes in the hour that must have succeeded. */
    scrapedMin: 0.9,
  },
  silent: {
    /** If 10 are expected, chance alone gives 0 once in 22,000 times. */
    expectedMin: 10,
  },
  natsIntake: {
    /** Longer than the delay of any message that comes again, which is 30 s. */
    window: '10m',
  },
  rejected: {
    spikeRatio: 0.05,
    /** Times its own usual ratio. The chronic alert covers producers that are always bad. */
    spikeFactor: 3,
    spikeEventsMin: 20,
    chronicRatio: 0.02,
    /** Per day, which is four per hour. */
    chronicEventsMin: 100,
    /** The share of everything that a source sends in ten minutes. */
    deployRatio: 0.1,
    /** Times the value of the two hours before: such a step is typical of a deploy. */
    deployFactor: 5,
    deployEventsMin: 20,
  },
  relays: {
    /** Longer than the minute after which a parked destination is tried again at the latest. */
    lagSecondsMax: 300,
    /** In an hour. A few may be under way while a contract changes. */
    rejectedMin: 10,
    /** Longer than a restart, or the move of a pod. */
    silentWindow: '15m',
    /** After this a relay that is gone is taken for removed. */
    seenWindow: '1d',
  },
  callers: {
    /** Requests a second. Single large ones that had to make room are no flood. */
    limitedRateMax: 1,
    /** Connections a second. A listener that is full may soon have no place for a producer. */
    connectionsRateMax: 0.1,
  },
  sourceLimits: {
    /** Requests a second. A burst that is a little too large is sent again, and is no alert. */
    limitedRateMax: 0.1,
    /** Of the bytes of a day. */
    dayWarnRatio: 0.8,
  },
  operators: {
    /** Wrong tokens a second. One scraper with a wrong token sends fewer: HeadgateTargetDown reports it. */
    wrongTokensRateMax: 0.1,
  },
  deadLetters: {
    /** More than single bad events. */
    countMax: 50,
    /** Half a working day during which nobody has acted. */
    ageSecondsMax: 4 * 3600,
  },
  backlog: {
    /** Fewer are normal between two batches. */
    eventsMin: 1000,
    drainSecondsMax: 3600,
    /** The oldest event that waits, of a destination that is not away. */
    ageSecondsMax: 3600,
  },
  paused: {
    /** Half a working day: longer than most repairs that a pause is for. */
    warnSeconds: 4 * 3600,
    pageSeconds: 86_400,
  },
  store: {
    warnRatio: 0.8,
    pageRatio: 0.95,
    /** Full within this time at the rate of the last hour. */
    fullInSeconds: 4 * 3600,
    /** For a store with enough room, a prediction is not reliable. */
    predictedFromRatio: 0.5,
  },
  quarantine: { warnRatio: 0.8 },
  audit: {
    warnRatio: 0.8,
    /** From 95% on nothing may begin. */
    pageRatio: 0.9,
  },
  acknowledgement: {
    /**
     * A sync takes 0.2 to 20 ms, and a caller may have a timeout of 1 s. This is the bound of a
     * bucket of the histogram.
     */
    secondsMax: 0.5,
    /** Events per second; with fewer, a quantile is mostly chance. */
    rateMin: 0.1,
  },
  heartbeat: {
    /** A single lost heartbeat, or one that waits for an election, must not page. */
    intervalsMax: 5,
    /** At least this long, whatever the interval: a restart takes this time. */
    secondsMin: 60,
  },
  certificate: {
    /** ACME clients renew 30 days before the end: two weeks later, renewal has failed for long. */
    warnSeconds: 14 * 86_400,
    /** A weekend must lie between the page and the end. */
    pageSeconds: 3 * 86_400,
  },
  objective: {
    /** 99.9% in 30 days, which leaves 43 minutes. */
    errorBudget: 0.001,
    /** Failures in the long window. With fewer, a single caller could cause the alarm. */
    failuresMin: 10,
  },
} as const;
