import { StartError } from '../errors.ts';

/**
 * The npm packages that a destination needs and Headgate does not bring, because they are large and
 * most gates need none of them: by name, the version to install. The same as `peerDependencies` in
 * package.json.
 */
export const clientPackages = {
  '@clickhouse/client': '1',
  '@platformatic/kafka': '2',
  pg: '8',
} as const;

/**
 * Loads a module that imports such a package. Throws a StartError with the command that installs
 * the package if it is missing.
 */
export async function loadWithClient<Module>(
  type: string,
  name: keyof typeof clientPackages,
  load: () => Promise<Module>,
): Promise<Module> {
  try {
    return await load();
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code !== 'ERR_MODULE_NOT_FOUND' || !message.includes(`'${name}'`)) throw cause;
    throw new StartError(
      `A destination of the type ${type} needs the npm package ${name}, which is not installed. ` +
        `Run "npm install ${name}@${clientPackages[name]}" in the folder where Headgate is ` +
        'installed (with --global if Headgate is), and start again.',
      { cause },
    );
  }
}
