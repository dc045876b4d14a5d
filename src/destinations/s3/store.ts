import {
  GetObjectCommand,
  paginateListObjectsV2,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';

import { StartError } from '../../errors.ts';
import { awsClient, awsErrorText } from '../aws-client.ts';
import type { DestinationSettings } from '../destination.ts';
import { ObjectStoreError, type ObjectStore } from '../objects/object-store.ts';
import { readBucket } from '../objects/settings.ts';

/** A bucket of S3. Credentials come from the places of the AWS client. Throws a StartError. */
export async function openS3Store(
  name: string,
  settings: DestinationSettings,
): Promise<ObjectStore> {
  const Bucket = readBucket(name, settings);
  const client = openClient(settings);
  try {
    await client.config.region();
  } catch (cause) {
    client.destroy();
    throw new StartError(`destinations.${name}.region: set it, or AWS_REGION`, { cause });
  }
  return {
    async putNew(Key, Body, ContentType, abortSignal) {
      const command = new PutObjectCommand({ Bucket, Key, Body, ContentType, IfNoneMatch: '*' });
      try {
        await client.send(command, { abortSignal });
        return 'written';
      } catch (error) {
        if ((error as Error).name === 'PreconditionFailed') return 'exists';
        throw described(error);
      }
    },
    async *list(Prefix, abortSignal) {
      try {
        for await (const page of paginateListObjectsV2(
          { client },
          { Bucket, Prefix },
          { abortSignal },
        )) {
          for (const { Key, Size } of page.Contents ?? []) {
            if (Key !== undefined) yield { key: Key, bytes: Size ?? 0 };
          }
        }
      } catch (error) {
        throw described(error);
      }
    },
    async get(Key, abortSignal) {
      try {
        const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }), { abortSignal });
        return await Body!.transformToByteArray();
      } catch (error) {
        throw described(error);
      }
    },
    close: () => client.destroy(),
  };
}

function openClient(settings: DestinationSettings): S3Client {
  const [region, endpoint] = [settings['region'] ?? null, settings['endpoint'] ?? null];
  const timeoutMs = Number(settings['timeout']);
  return new S3Client({
    ...(region === null ? {} : { region: String(region) }),
    ...(endpoint === null
      ? {}
      : {
          endpoint: String(endpoint),
          // Other services may not know the checksums that AWS has added.
          requestChecksumCalculation: 'WHEN_REQUIRED',
          responseChecksumValidation: 'WHEN_REQUIRED',
        }),
    forcePathStyle: settings['path_style'] === true,
    ...awsClient,
    requestHandler: { connectionTimeout: timeoutMs, requestTimeout: timeoutMs },
  });
}

/** Of one object: it is not there, or lies in a storage class that needs a restore. */
const ofObject = new Set(['NoSuchKey', 'InvalidObjectState']);

function described(error: unknown): ObjectStoreError {
  const { name, message } = error as Error;
  const isOfObject = ofObject.has(name);
  return new ObjectStoreError(`S3: ${awsErrorText(name, message)}`, { cause: error, isOfObject });
}
