/** Every number of the alerts, with its reason. Change one here, and run `npm run generate`. */
export const thresholds = {
  volume: {
    /** Of the same hour last week. */
    dropRatio: 0.2,
    /** Events an hour below which nothing is said: chance alone moves so few. */
    baselineMin: 20,
    /**
     * The fall in standard deviations of the difference of two counts. 3 is one false alarm in 740
     * looks at chance alone; an exact fall of 20% is so told from 405 events an hour, one of 50% from 54.
     */
    deviations: 3,
    /** Share of the scrapes of the gates in the hour that must have worked. */
    scrapedMin: 0.9,
  },
  silent: {
    /** With 10 expected, chance gives none once in 22,000 times. */
    expectedMin: 10,
  },
  rejected: {
    spikeRatio: 0.05,
    /** Times its own usual ratio: who is always bad is the chronic alert's. */
    spikeFactor: 3,
    spikeEventsMin: 20,
    chronicRatio: 0.02,
    /** A day; four an hour. */
    chronicEventsMin: 100,
    /** Of all that a source sends, in ten minutes. */
    deployRatio: 0.1,
    /** Times what it was in the two hours before: a step, as a deploy makes it. */
    deployFactor: 5,
    deployEventsMin: 20,
  },
  deadLetters: {
    /** More than single bad events. */
    countMax: 50,
    /** Half a working day in which nobody has looked. */
    ageSecondsMax: 4 * 3600,
  },
  backlog: {
    /** Less is normal between two batches. */
    eventsMin: 1000,
    drainSecondsMax: 3600,
  },
  store: {
    warnRatio: 0.8,
    pageRatio: 0.95,
    /** Full within so long at the pace of the last hour. */
    fullInSeconds: 4 * 3600,
    /** A prediction about a store with room enough says nothing. */
    predictedFromRatio: 0.5,
  },
  acknowledgement: {
    /** A sync takes 0.2 to 20 ms; a caller with a timeout of 1 s is near it. A bucket's bound. */
    secondsMax: 0.5,
    /** Events a second that a quantile needs to be more than chance. */
    rateMin: 0.1,
  },
  heartbeat: {
    /** One that is lost, and one that waits for an election, are none yet. */
    intervalsMax: 5,
    /** However often one is sent: a restart takes so long. */
    secondsMin: 60,
  },
  objective: {
    /** 99.9% in 30 days: 43 minutes. */
    errorBudget: 0.001,
    /** Failures in the long window below which one bad caller would be the alarm. */
    failuresMin: 10,
  },
} as const;
