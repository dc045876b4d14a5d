/**
 * Source and name of the heartbeat that a gate sends to itself. No write key can have such a source
 * and no taxonomy such a name: both begin with a letter or a digit there.
 */
export const canaryName = '_canary';

/** The subject of heartbeats in EVENTS; they carry no user data. */
export const canarySubject = `headgate.events.${canaryName}.${canaryName}`;
