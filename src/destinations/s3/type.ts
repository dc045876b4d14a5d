import { loadWithClient } from '../client-package.ts';
import type { DestinationType } from '../destination.ts';
import { archiveSettings } from '../objects/settings.ts';
import { expectWholeEvents } from '../tables/table-mode.ts';

/** Objects in a bucket of S3, or of what speaks its protocol: store.ts. */
export const s3Type: DestinationType = {
  type: 's3',
  startsFrom: 'earliest',
  secondCopies:
    'A second copy is refused for ids_kept after the first was written (7 days unless set). Later, the event is written again.',
  settings: {
    bucket: { type: 'string', text: 'The bucket. It is not created here.' },
    region: {
      type: 'string',
      default: null,
      text: 'The region of the bucket. If unset, that of the environment of AWS.',
    },
    endpoint: {
      type: 'url',
      default: null,
      text: 'Where a service is that speaks the protocol of S3, such as MinIO or R2.',
    },
    path_style: {
      type: 'boolean',
      default: false,
      text: 'Name the bucket in the path of a request, not in its host.',
    },
    ...archiveSettings,
  },
  async create(name, settings, context) {
    const { openS3Store } = await loadStore();
    const { createArchiveDestination } = await import('../objects/archive-destination.ts');
    return createArchiveDestination(name, settings, await openS3Store(name, settings), context);
  },
  async previewTables(name, settings, contracts) {
    const { previewBucketTables } = await import('../objects/preview-tables.ts');
    return previewBucketTables('s3', name, settings, contracts);
  },
  async openArchive(name, settings) {
    expectWholeEvents(name, settings);
    const { openS3Store } = await loadStore();
    const { openBucketArchive } = await import('../objects/bucket-archive.ts');
    return openBucketArchive(await openS3Store(name, settings), String(settings['prefix'] ?? ''));
  },
};

function loadStore(): Promise<typeof import('./store.ts')> {
  return loadWithClient('s3', '@aws-sdk/client-s3', () => import('./store.ts'));
}
