import { StartError } from '../errors.ts';

/**
 * The npm packages that a destination needs and Headgate does not bring, because they are large and
 * most gates need none of them: by name, the version to install. The same as `peerDependencies` in
 * package.json.
 */
export const clientPackages = {
  '@aws-sdk/client-s3': '3',
  '@aws-sdk/client-sqs': '3',
  '@clickhouse/client': '1',
  '@google-cloud/bigquery-storage': '5',
  '@google-cloud/pubsub': '6',
  '@google-cloud/storage': '8',
  '@platformatic/kafka': '2',
  pg: '8',
  'snowflake-sdk': '3',
} as const;

/**
 * Loads a module that imports such a package. Throws a StartError with the command that installs
 * the package if it is missing.
 */
export async function loadWithClient<Module>(
  type: string,
  name: keyof typeof clientPackages,
  load: () => Promise<Module>,
): Promise<Module> {
  try {
    return await load();
  } catch (cause) {
    if (!isMissing(cause, name)) throw cause;
    throw new StartError(
      `A destination of the type ${type} needs the npm package ${name}, which is not installed. ` +
        `${installText(name)}, and start again.`,
      { cause },
    );
  }
}

/** For `headgate doctor`: what to do if a destination of this type lacks its package; else undefined. */
export async function missingClient(
  type: string,
  clients: Readonly<Record<string, Client>> = clientsByType,
): Promise<string | undefined> {
  const client = clients[type];
  if (client === undefined) return undefined;
  try {
    await client.load();
    return undefined;
  } catch (cause) {
    if (!isMissing(cause, client.name)) throw cause;
    return `${installText(client.name)}.`;
  }
}

interface Client {
  readonly name: keyof typeof clientPackages;
  readonly load: () => Promise<unknown>;
}

const clientsByType: Readonly<Record<string, Client>> = {
  bigquery: {
    name: '@google-cloud/bigquery-storage',
    load: () => import('@google-cloud/bigquery-storage'),
  },
  clickhouse: { name: '@clickhouse/client', load: () => import('@clickhouse/client') },
  gcs: { name: '@google-cloud/storage', load: () => import('@google-cloud/storage') },
  kafka: { name: '@platformatic/kafka', load: () => import('@platformatic/kafka') },
  postgres: { name: 'pg', load: () => import('pg') },
  pubsub: { name: '@google-cloud/pubsub', load: () => import('@google-cloud/pubsub') },
  s3: { name: '@aws-sdk/client-s3', load: () => import('@aws-sdk/client-s3') },
  snowflake: { name: 'snowflake-sdk', load: () => import('snowflake-sdk') },
  sqs: { name: '@aws-sdk/client-sqs', load: () => import('@aws-sdk/client-sqs') },
};

function isMissing(cause: unknown, name: string): boolean {
  const { code, message } = cause as NodeJS.ErrnoException;
  return code === 'ERR_MODULE_NOT_FOUND' && message.includes(`'${name}'`);
}

function installText(name: keyof typeof clientPackages): string {
  return (
    `Run "npm install ${name}@${clientPackages[name]}" in the folder where Headgate is ` +
    'installed (with --global if Headgate is)'
  );
}
