import { openLog } from '../../src/jetstream/open-log.ts';
import { openOperator, underOtherKey, asItIs } from './claims-rig.ts';

// A process of its own, which replays a rejected event and stops at a step, to be killed there.

interface Task {
  readonly address: Parameters<typeof openLog>[0]['address'];
  readonly streamsDir: string;
  readonly sequence: number;
  readonly step: 'beforePublish' | 'afterPublish';
  readonly hasOtherKey: boolean;
}

const task = JSON.parse(process.argv[2]!) as Task;
const log = await openLog({
  address: task.address,
  durability: 'async',
  streamsDir: task.streamsDir,
  topology: { dedupWindowMs: 120_000, storageBytesMax: 256 * 1024 * 1024, replicas: 1 },
  publishTimeoutMs: 2_000,
  onStatus: () => {},
});
const pause = async (): Promise<void> => {
  process.send!('there');
  await new Promise(() => {});
};
const { rejected, replay } = openOperator(log, { steps: { [task.step]: pause } });
const found = (await rejected.get(task.sequence))!;
await replay.one(found, task.hasOtherKey ? underOtherKey : asItIs);
