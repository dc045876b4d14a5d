import { StartError } from '../../errors.ts';

/**
 * Opens a file or folder of a destination while it is created. Throws a StartError that names the setting.
 *
 * @param setting such as `destinations.warehouse.journal`.
 */
export function openOrRefuse<Opened>(setting: string, place: string, open: () => Opened): Opened {
  try {
    return open();
  } catch (cause) {
    throw new StartError(`${setting}: cannot use ${place}: ${(cause as Error).message}`, { cause });
  }
}
