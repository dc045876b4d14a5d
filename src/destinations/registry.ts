import { bigqueryType } from './bigquery/type.ts';
import { clickhouseType } from './clickhouse/type.ts';
import type { DestinationType } from './destination.ts';
import { gcsType } from './gcs/type.ts';
import { headgateType } from './headgate/type.ts';
import { httpApiType } from './http/type.ts';
import { kafkaType } from './kafka/type.ts';
import { mixpanelType } from './mixpanel/type.ts';
import { moduleType } from './module/type.ts';
import { natsType } from './nats/type.ts';
import { parquetType } from './parquet/type.ts';
import { postgresType } from './postgres/type.ts';
import { posthogType } from './posthog/type.ts';
import { pubsubType } from './pubsub/type.ts';
import { rudderstackType } from './rudderstack/type.ts';
import { s3Type } from './s3/type.ts';
import { segmentType } from './segment/type.ts';
import { snowflakeType } from './snowflake/type.ts';
import { sqliteType } from './sqlite/type.ts';
import { sqsType } from './sqs/type.ts';
import { webhookType } from './webhook/type.ts';

/**
 * Every type of destination, by the value of `type:`.
 *
 * A type holds its settings, so that the configuration can be read without loading an
 * implementation. Its `create` loads the implementation, so a gate without webhooks never loads an
 * HTTP client.
 */
export const destinationTypes: readonly DestinationType[] = [
  sqliteType,
  postgresType,
  clickhouseType,
  bigqueryType,
  snowflakeType,
  parquetType,
  s3Type,
  gcsType,
  webhookType,
  httpApiType,
  segmentType,
  rudderstackType,
  posthogType,
  mixpanelType,
  kafkaType,
  natsType,
  sqsType,
  pubsubType,
  headgateType,
  moduleType,
];

/** The type of a destination of the configuration, which names no others. */
export function destinationTypeOf(type: string): DestinationType {
  return destinationTypes.find((one) => one.type === type)!;
}

/** The types that can do something that not all can. */
export function typesWith(member: 'previewTables' | 'locateTables'): string[] {
  return destinationTypes.filter((one) => one[member] !== undefined).map(({ type }) => type);
}
