import { describe, expect, it } from 'vitest';

import { alerts } from '../../deploy/observability/rules.ts';
import { deliveryScenarios } from './delivery-scenarios.ts';
import { gateScenarios } from './gate-scenarios.ts';
import { intakeScenarios } from './intake-scenarios.ts';
import { relayScenarios } from './relay-scenarios.ts';
import { runScenario } from './scenario.ts';
import { findTool, whyNotWith } from './tools.ts';

const scenarios = [...intakeScenarios, ...relayScenarios, ...deliveryScenarios, ...gateScenarios];

describe('the scenarios', () => {
  it.each(alerts)('have $name ($severity) fire, and not', ({ name, severity }) => {
    const own = scenarios.filter(({ alert }) => alert === name);
    const fires = ({ fires }: (typeof own)[number]): boolean =>
      fires.some((labels) => labels['severity'] === severity);
    expect(own.some(fires), 'one in which it fires').toBe(true);
    expect(
      own.some((scenario) => !fires(scenario)),
      'one in which it must not',
    ).toBe(true);
    expect(
      own.some(({ says }) => says !== undefined),
      'what it says',
    ).toBe(true);
  });
});

describe.skipIf(whyNotWith('promtool') !== undefined)('by promtool', () => {
  it.each(scenarios)('$alert: $title', async (scenario) => {
    expect(await runScenario(findTool('promtool')!, scenario)).toBe('');
  });
});
