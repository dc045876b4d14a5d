import type { Bucket } from '../jetstream/bucket/bucket.ts';
import { createBucketFollower, type BucketFollower } from '../jetstream/bucket/follow-bucket.ts';
import type { Signals } from '../observability/signals.ts';
import { formatFault } from '../validation/registry-fault.ts';
import type { SchemaRegistry } from '../validation/schema-registry.ts';
import type { RegistryContents } from './contents.ts';

export interface RegistryFollowerOptions {
  readonly bucket: Bucket;
  readonly contents: RegistryContents;
  readonly signals: Pick<Signals, 'registryFollowed' | 'registryFault' | 'registryAway'>;
  /** Called with the registry after each change. */
  readonly onChange: (registry: SchemaRegistry) => void;
}

/** Keeps the registry of this process up to date with the bucket. */
export function createRegistryFollower(options: RegistryFollowerOptions): BucketFollower {
  const { bucket, contents, signals } = options;
  let reported = new Set<string>();

  const reportFaults = (): void => {
    const faults = contents.faults().map(formatFault);
    for (const fault of faults) if (!reported.has(fault)) signals.registryFault(fault);
    reported = new Set(faults);
  };

  return createBucketFollower({
    bucket,
    revision: contents.revision,
    apply: async (entries) => {
      const before = contents.registry();
      await contents.apply(entries);
      if (contents.registry() !== before) options.onChange(contents.registry());
      reportFaults();
      signals.registryFollowed(contents.revision(), reported.size);
    },
    onAway: signals.registryAway,
  });
}
