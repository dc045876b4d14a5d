import { StartError } from '../errors.ts';

/** One error in the schemas folder, and how to fix it. */
export interface RegistryFault {
  /** Relative to the schemas folder: `taxonomy.yaml`, `order_completed/2.json`. */
  readonly file: string;
  /** Where in the file and what is wrong there. */
  readonly problem: string;
  /** How to fix it. `headgate schemas check --json` prints it under this name. */
  readonly mending: string;
}

/** Receives each fault of one file. */
export type ReportFault = (problem: string, fix: string) => void;

/** The error that stops the start. It lists every fault, so that all can be fixed at once. */
export function registryError(directory: string, faults: readonly RegistryFault[]): StartError {
  const count = faults.length === 1 ? '1 fault' : `${faults.length} faults`;
  const lines = faults.map((fault) => `  ${formatFault(fault)}`);
  return new StartError([`${count} in the schemas of ${directory}:`, ...lines].join('\n'));
}

/** One fault on one line. */
export function formatFault(fault: RegistryFault): string {
  return `${fault.file}: ${fault.problem}. ${fault.mending}`;
}
