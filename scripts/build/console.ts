import { writeConsole } from './console-bundle.ts';

/** `npm run build:console`: writes dist/console/, which the service serves on the admin port. */
await writeConsole('dist/console');
