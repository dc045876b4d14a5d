import { isUnknown } from '../service/failure.ts';
import { useLoad, type Loaded } from '../service/load.ts';
import { useService } from '../service/service.ts';

/** The active schema of an event as JSON; empty for an event without a contract. */
export function useContract(eventName: string): Loaded<string> {
  const { schemas } = useService();
  return useLoad(eventName, async (signal) => {
    if (eventName === '') return '';
    try {
      return (await schemas.getSchema({ eventName }, { signal })).schemaJson;
    } catch (error) {
      if (isUnknown(error)) return '';
      throw error;
    }
  });
}
