import { Storage, type FileMetadata } from '@google-cloud/storage';

import type { DestinationSettings } from '../destination.ts';
import { ObjectStoreError, type ObjectStore } from '../objects/object-store.ts';
import { readBucket } from '../objects/settings.ts';
import { whenAborted } from '../when-aborted.ts';

const pageObjects = 1_000;

/**
 * A bucket of Google Cloud Storage. Credentials come from the places of Google's client, which takes
 * those that it finds at the first request. Throws a StartError.
 */
export function openGcsStore(name: string, settings: DestinationSettings): ObjectStore {
  const bucketName = readBucket(name, settings);
  const timeout = Number(settings['timeout']);
  const endpoint = settings['endpoint'] ?? null;
  const storage = new Storage({
    ...(endpoint === null
      ? {}
      : {
          apiEndpoint: String(endpoint),
          // A token must not be readable on the way: over http:// it is not sent.
          useAuthWithCustomEndpoint: String(endpoint).startsWith('https:'),
        }),
    timeout,
    retryOptions: { maxRetries: 1, totalTimeout: Math.ceil(timeout / 1_000) },
  });
  const bucket = storage.bucket(bucketName);
  return {
    async putNew(key, body, contentType, signal) {
      const saving = bucket.file(key).save(Buffer.from(body), {
        // In one request, so that it is there whole or not at all.
        resumable: false,
        // Generation 0: only if there is no such object.
        preconditionOpts: { ifGenerationMatch: 0 },
        metadata: { contentType },
      });
      try {
        await orAborted(saving, signal);
        return 'written';
      } catch (error) {
        if (codeOf(error) === 412) return 'exists';
        throw described(error);
      }
    },
    async *list(prefix, signal) {
      let pageToken: string | undefined;
      do {
        const query = { prefix, autoPaginate: false, maxResults: pageObjects };
        const asked = bucket.getFiles({ ...query, ...(pageToken && { pageToken }) });
        const [files, next] = await orAborted(asked, signal).catch((error: unknown) => {
          throw described(error);
        });
        for (const { name: key, metadata } of files) yield { key, bytes: bytesOf(metadata) };
        pageToken = (next as { pageToken?: string } | null)?.pageToken;
      } while (pageToken !== undefined);
    },
    async get(key, signal) {
      try {
        // As it is stored: nothing is decompressed on the way.
        const asked = bucket.file(key).download({ decompress: false });
        const [body] = await orAborted(asked, signal);
        return body;
      } catch (error) {
        // It is not there, or its checksum is another.
        const { code } = error as { code?: unknown };
        throw described(error, codeOf(error) === 404 || code === 'CONTENT_DOWNLOAD_MISMATCH');
      }
    },
    close: () => undefined,
  };
}

/** The client has no signal: its request may still succeed, and then the object exists. */
async function orAborted<Value>(asked: Promise<Value>, signal: AbortSignal): Promise<Value> {
  asked.catch(() => undefined);
  const aborted = whenAborted(signal);
  return Promise.race([asked, aborted.promise]).finally(aborted.forget);
}

function bytesOf({ size }: FileMetadata): number {
  return Number(size ?? 0);
}

function codeOf(error: unknown): unknown {
  const { code, status } = error as { code?: unknown; status?: unknown };
  return Number(code ?? status);
}

const textCharactersMax = 300;

function described(error: unknown, isOfObject = false): ObjectStoreError {
  const { message } = error as Error;
  const code = codeOf(error);
  const text = Number.isNaN(code) ? '' : ` ${String(code)}`;
  return new ObjectStoreError(`GCS${text}: ${message.slice(0, textCharactersMax)}`, {
    cause: error,
    isOfObject,
  });
}
