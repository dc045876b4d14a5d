/** The write key of the producers that are measured. */
export const producerKey = 'hg_hostile_producer';
