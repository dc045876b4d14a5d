import { CreateBucketCommand, DeleteObjectCommand, S3Client } from '@aws-sdk/client-s3';

import type { DestinationSettings, DestinationType } from '../../src/destinations/destination.ts';
import { openGcsStore } from '../../src/destinations/gcs/store.ts';
import { gcsType } from '../../src/destinations/gcs/type.ts';
import { openS3Store } from '../../src/destinations/s3/store.ts';
import { s3Type } from '../../src/destinations/s3/type.ts';
import { createArchiveFarSide, type ArchiveFarSide } from './archive-far-side.ts';
import { awsEnvironment, gcsProgram } from './engine-folder.ts';
import { startFakeGcs } from './fake-gcs.ts';
import { startMinistack } from './ministack.ts';

/** A bucket of its own at a fake, with the settings of a destination that writes to it. */
export interface Bucket extends ArchiveFarSide {
  readonly type: DestinationType;
  remove(key: string): Promise<void>;
}

/** A fake of a service that stores objects. */
export interface BucketService {
  /** What its client finds in the environment. */
  readonly env: Readonly<Record<string, string>>;
  createBucket(more?: DestinationSettings): Promise<Bucket>;
  stop(): Promise<void>;
}

const region = 'eu-west-1';
const timeout = 5_000;

/** With the credentials of `awsEnvironment` in the environment of this process. */
async function startS3(): Promise<BucketService> {
  const fake = await startMinistack(['s3']);
  const admin = new S3Client({ region, endpoint: fake.url, forcePathStyle: true });
  let buckets = 0;
  return {
    env: awsEnvironment,
    async createBucket(more = {}) {
      const bucket = `archive-${(buckets += 1)}`;
      await admin.send(new CreateBucketCommand({ Bucket: bucket }));
      const place = { bucket, region, path_style: true, endpoint: fake.url, timeout };
      const store = await openS3Store('reader', place);
      return {
        ...createArchiveFarSide(s3Type, store, { ...place, ...more }),
        type: s3Type,
        async remove(Key) {
          await admin.send(new DeleteObjectCommand({ Bucket: bucket, Key }));
        },
      };
    },
    async stop() {
      admin.destroy();
      await fake.stop();
    },
  };
}

async function startGcs(): Promise<BucketService> {
  const fake = await startFakeGcs();
  let buckets = 0;
  return {
    env: {},
    async createBucket(more = {}) {
      const bucket = `archive-${(buckets += 1)}`;
      await fake.createBucket(bucket);
      const place = { bucket, endpoint: fake.url, timeout };
      return {
        ...createArchiveFarSide(gcsType, openGcsStore('reader', place), { ...place, ...more }),
        type: gcsType,
        remove: (key) => fake.removeObject(bucket, key),
      };
    },
    stop: () => fake.stop(),
  };
}

export const bucketServices = [
  { name: 's3', program: 'ministack', start: startS3 },
  { name: 'gcs', program: gcsProgram, start: startGcs },
] as const;
