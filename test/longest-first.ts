import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Those that take 25 s and more. */
const longest = [
  'redelivery/killed-worker',
  'clouds/snowflake',
  'redelivery/redeliver-command',
  'crash/large-events',
  'clients/languages',
  'alerts/rules',
  'destinations/conformance',
  'delivery/aside',
  'crash/start-up',
  'clouds/archive',
  'relay/far-full',
  'destinations/killed-http-worker',
  'clients/kill',
  'kafka/kafka',
  'partitions/change',
  'chaos/chaos',
  'console/pages',
  'delivery/long-delays',
  'console/breaking',
  'destinations/killed-worker',
  'clickhouse/clickhouse',
  'redelivery/redeliveries',
  'crash/kill',
];

/**
 * Begins with the longest files, so that the run does not end with one of them alone. Vitest does this by itself where
 * it knows the durations of an earlier run, and a new clone knows none.
 */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => groupOf(a) - groupOf(b) || rankOf(a) - rankOf(b));
  }
}

const groupOf = ({ project }: TestSpecification): number => project.config.sequence.groupOrder;

function rankOf({ moduleId }: TestSpecification): number {
  const rank = longest.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`));
  return rank === -1 ? longest.length : rank;
}
