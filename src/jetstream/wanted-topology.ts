import type { Config } from '../config/config.ts';
import type { TopologyOptions } from './topology.ts';

/** Three replicas survive the loss of one; five cost more and are not safer here. */
const replicasWanted = 3;

/**
 * The streams that a configuration wants, for whoever makes or inspects them. `storageBytesMax` is
 * what the disk leaves of `log.storage_bytes_max`.
 */
export function wantedTopology(config: Config, storageBytesMax: number): TopologyOptions {
  return {
    dedupWindowMs: config.log.dedupWindowMs,
    partitions: config.log.partitions,
    storageBytesMax,
    rejectedBytesMax: config.rejected.storageBytesMax,
    asideBytesMax: config.log.asideBytesMax,
    replicas: config.durability === 'replicated' ? replicasWanted : 1,
    auditRetentionMs: config.audit.retentionMs,
    keepsSchemas: config.schemasSource === 'registry',
  };
}
