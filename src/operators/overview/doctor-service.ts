import type { ServiceImpl } from '@connectrpc/connect';

import {
  DoctorFinding_Level as Level,
  type DoctorService,
} from '../../../gen/headgate/v1/doctor_service_pb.ts';
import type { Finding } from '../../doctor/finding.ts';

export interface DoctorServiceOptions {
  /** Runs all checks. */
  readonly examine: () => Promise<readonly Finding[]>;
}

/** The checks connect to every destination: who asks again within this time gets the same answer. */
const freshMs = 5_000;

/** `headgate.v1.DoctorService`, for the admin port. One run at a time serves all who ask. */
export function createDoctorService({
  examine,
}: DoctorServiceOptions): ServiceImpl<typeof DoctorService> {
  let startedMs = -Infinity;
  let running: Promise<readonly Finding[]> | undefined;
  let isDone = true;
  const findings = (): Promise<readonly Finding[]> => {
    const isFresh = performance.now() - startedMs < freshMs;
    if (running !== undefined && (!isDone || isFresh)) return running;
    startedMs = performance.now();
    isDone = false;
    const run = examine().finally(() => {
      isDone = true;
    });
    // A failure is not kept.
    run.catch(() => {
      running = undefined;
    });
    running = run;
    return run;
  };
  return {
    getFindings: async () => ({
      findings: (await findings()).map(({ check, level, found, mend }) => ({
        check,
        level: levels[level],
        found,
        fix: mend,
      })),
    }),
  };
}

const levels: Readonly<Record<Finding['level'], Level>> = {
  ok: Level.OK,
  skipped: Level.SKIPPED,
  warning: Level.WARNING,
  failure: Level.FAILURE,
};
