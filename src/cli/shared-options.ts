import { Option } from 'commander';

/** `--config`, for commands that read the configuration. */
export function configOption(): Option {
  return new Option(
    '--config <file>',
    'headgate.yaml (default: HEADGATE_CONFIG, or ./headgate.yaml)',
  );
}

/** `--schemas`, for commands that read a folder of schemas: SchemasOptions in command-settings.ts. */
export function schemasOption(): Option {
  return new Option('--schemas <dir>', 'the folder with taxonomy.yaml (default: schemas_dir)');
}

/** `--admin`, for commands that call the admin port: AdminOptions in admin-client.ts. */
export function adminOption(): Option {
  return new Option('--admin <url>', 'the admin port (default: admin.listen)');
}

/** For the help of commands that call the admin port. */
export const adminTokenHelp =
  'The token of the admin port is admin.token, or the one that the gate made in data_dir.';
