/**
 * Source and name of the heartbeat that a gate sends to itself. No write key can have such a source
 * and no taxonomy such a name: both begin with a letter or a digit there.
 */
export const canaryName = '_canary';

const subjectEnd = `.${canaryName}.${canaryName}`;

/** Whether a subject of EVENTS is that of heartbeats; they carry no user data. */
export function isCanarySubject(subject: string): boolean {
  return subject.endsWith(subjectEnd);
}
