import { readFileSync } from 'node:fs';

import { readConfig } from '../src/config/read-config.ts';
import { destinationTypes } from '../src/destinations/registry.ts';
import { prepareRuntime } from '../src/service/runtime.ts';
import { createService } from '../src/service/service.ts';

/** Runs the gate in its own process, and sends its addresses to the parent process. */
prepareRuntime();
/** Only a file that the bench names: that of whoever runs it is about another gate. */
function readNamed(file: string): string {
  if (process.env['HEADGATE_CONFIG']) return readFileSync(file, 'utf8');
  throw Object.assign(new Error(`${file} is not read`), { code: 'ENOENT' });
}

const config = readConfig({
  env: process.env,
  readFile: readNamed,
  destinationTypes,
});
const service = await createService(config, {
  searchPath: process.env['PATH'] ?? '',
  serverEnv: process.env,
});
process.send?.({
  port: service.address !== undefined && 'port' in service.address && service.address.port,
  adminPort: service.adminAddress.port,
  natsProcessId: service.embedded?.processId(),
});
process.on('message', (message) => {
  if (message === 'usage') {
    process.send?.({ usage: process.cpuUsage(), memory: process.memoryUsage().rss });
  } else if (message === 'stop') {
    void service.stop().then(() => process.exit(0));
  }
});
process.once('SIGTERM', () => void service.stop().then(() => process.exit(0)));
