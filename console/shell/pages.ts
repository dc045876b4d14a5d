import type { ComponentType } from 'preact';

import { ContractsPage } from '../pages/contracts/contracts-page.tsx';
import { DeadLettersPage } from '../pages/dead-letters/dead-letters-page.tsx';
import { DestinationsPage } from '../pages/destinations/destinations-page.tsx';
import { FindPage } from '../pages/find/find-page.tsx';
import { HealthPage } from '../pages/health/health-page.tsx';
import { KeysPage } from '../pages/keys/keys-page.tsx';
import { LivePage } from '../pages/live/live-page.tsx';
import { OverviewPage } from '../pages/overview/overview-page.tsx';
import { RefusedPage } from '../pages/refused/refused-page.tsx';

export interface Page {
  readonly path: string;
  readonly title: string;
  /** Pressed after g. */
  readonly key: string;
  readonly view: ComponentType;
}

/** In the order of the menu. A page also has the paths below its own. */
export const pages: readonly Page[] = [
  { path: '/', title: 'Overview', key: 'o', view: OverviewPage },
  { path: '/live', title: 'Live events', key: 'l', view: LivePage },
  { path: '/contracts', title: 'Contracts', key: 'c', view: ContractsPage },
  { path: '/refused', title: 'Refused', key: 'r', view: RefusedPage },
  { path: '/destinations', title: 'Destinations', key: 'd', view: DestinationsPage },
  { path: '/dead-letters', title: 'Dead letters', key: 'm', view: DeadLettersPage },
  { path: '/find', title: 'Find', key: 'f', view: FindPage },
  { path: '/keys', title: 'Keys and operators', key: 'k', view: KeysPage },
  { path: '/health', title: 'Health', key: 'h', view: HealthPage },
];

/** The page of a path; undefined if no page has it. */
export function pageOf(path: string): Page | undefined {
  return pages.find((page) =>
    page.path === '/' ? path === '/' : path === page.path || path.startsWith(`${page.path}/`),
  );
}
