import { loadWithClient } from '../client-package.ts';
import type { DestinationType } from '../destination.ts';
import { archiveSettings } from '../objects/settings.ts';
import { expectWholeEvents } from '../tables/table-mode.ts';

/** Objects in a bucket of Google Cloud Storage: store.ts. */
export const gcsType: DestinationType = {
  type: 'gcs',
  startsFrom: 'earliest',
  secondCopies:
    'A second copy is refused for ids_kept after the first was written (7 days unless set). Later, the event is written again.',
  settings: {
    bucket: { type: 'string', text: 'The bucket. It is not created here.' },
    endpoint: {
      type: 'url',
      default: null,
      text: 'Another address of the service, such as that of Private Service Connect. With http:// no credentials are sent: for fakes alone.',
    },
    ...archiveSettings,
  },
  async create(name, settings, context) {
    const { openGcsStore } = await loadStore();
    const { createArchiveDestination } = await import('../objects/archive-destination.ts');
    return createArchiveDestination(name, settings, openGcsStore(name, settings), context);
  },
  async previewTables(name, settings, contracts) {
    const { previewBucketTables } = await import('../objects/preview-tables.ts');
    return previewBucketTables('gs', name, settings, contracts);
  },
  async openArchive(name, settings) {
    expectWholeEvents(name, settings);
    const { openGcsStore } = await loadStore();
    const { openBucketArchive } = await import('../objects/bucket-archive.ts');
    return openBucketArchive(openGcsStore(name, settings), String(settings['prefix'] ?? ''));
  },
};

function loadStore(): Promise<typeof import('./store.ts')> {
  return loadWithClient('gcs', '@google-cloud/storage', () => import('./store.ts'));
}
