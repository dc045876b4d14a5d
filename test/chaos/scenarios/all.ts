import { clusterScenarios } from './cluster.ts';
import { embeddedScenarios } from './embedded.ts';
import { powerScenarios } from './power.ts';
import type { Scenario } from './scenario.ts';

/** In an order in which those of one world follow each other: a world is started once for them. */
export const scenarios: readonly Scenario[] = [
  ...clusterScenarios,
  ...powerScenarios,
  ...embeddedScenarios,
];
