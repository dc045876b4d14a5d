import { type DestinationTypeSettings, asSetting } from '../../src/config/destination-type.ts';
import { keySettings } from '../../src/config/gather/gather-keys.ts';
import { natsIntakeSettings } from '../../src/config/gather/intake-settings.ts';
import { operatorSettings } from '../../src/config/gather/gather-operators.ts';
import { natsIntakesMax } from '../../src/config/intake/nats-intake.ts';
import { operatorEntriesMax } from '../../src/config/operators/operator-entry.ts';
import { webhookLimits, webhookSettings } from '../../src/config/webhook-settings.ts';
import { environmentName, settings } from '../../src/config/settings.ts';
import type { Setting } from '../../src/config/setting.ts';
import { destinationSettings } from '../../src/config/destination-settings.ts';
import { destinationTypes } from '../../src/destinations/registry.ts';
import type { Generated } from './generated.ts';

/** docs/reference/configuration.md and the pages below it, from the tables of the configuration. */
export function generateConfigurationDocs(): Generated {
  const pages = renderConfigurationDocs(destinationTypes);
  return {
    files: new Map([...pages].map(([name, text]) => [`docs/reference/${name}`, text])),
  };
}

/** Settings that one reader looks for together, on one page. */
interface SettingGroup {
  /** The page: `configuration/<page>.md`. */
  readonly page: string;
  readonly title: string;
  readonly introduction: string;
  /** The first words of the paths of its settings. */
  readonly words: readonly string[];
}

const groups: readonly SettingGroup[] = [
  {
    page: 'network',
    title: 'Network, access and limits',
    introduction: `Where Headgate listens, who may send, and how much it accepts. For another address than
loopback, set \`auth: keys\` and \`admin.token\`:

\`\`\`yaml
listen: 0.0.0.0:8080
auth: keys
admin: { listen: "0.0.0.0:8081", token: "\${ADMIN_TOKEN}" }
\`\`\``,
    words: ['listen', 'admin', 'trusted_proxies', 'http', 'tls', 'auth', 'source', 'limits'],
  },
  {
    page: 'contracts',
    title: 'Contracts',
    introduction: `Where the [contracts](../../contracts/contracts.md) come from, and how strictly they are
enforced.`,
    words: ['schemas_dir', 'schemas', 'enforcement', 'pii'],
  },
  {
    page: 'log',
    title: 'The log and its storage',
    introduction: `Which NATS holds the events, for how long, and
[what an acknowledgement means](../../adr/0002-what-an-acknowledgement-means.md).`,
    words: ['data_dir', 'nats', 'durability', 'log', 'rejected', 'audit'],
  },
  {
    page: 'process',
    title: 'The process',
    introduction: `What this process does, how it [stops](../../operate/running.md#stop-it), and what it
[reports](../../operate/observability.md) about itself.`,
    words: ['roles', 'processes', 'shutdown_grace', 'log_level', 'canary'],
  },
];

/** Every page, by its path below docs/reference/. Throws where a setting belongs to no page. */
export function renderConfigurationDocs(
  types: readonly DestinationTypeSettings[],
): ReadonlyMap<string, string> {
  const known = new Set(groups.flatMap(({ words }) => words));
  const homeless = Object.keys(settings).filter((path) => !known.has(wordOf(path)));
  if (homeless.length > 0) {
    throw new Error(
      `Add ${homeless.join(', ')} to a group in scripts/generate/configuration-docs.ts.`,
    );
  }
  const pages: [string, readonly string[]][] = [
    ['configuration.md', [head, example, ...overview()]],
    ...groups.map((group): [string, string[]] => [
      `configuration/${group.page}.md`,
      groupOf(group),
    ]),
    ['configuration/keys.md', keysPage()],
    ['configuration/operators.md', operatorsPage()],
    ['configuration/webhooks.md', webhooksPage()],
    ['configuration/intake.md', intakePage()],
    ['configuration/destinations.md', destinationsPage()],
    ['configuration/destination-types.md', typesPage('database', types.filter(isDatabase))],
    ['configuration/destination-files.md', typesPage('file', types.filter(isFile))],
    ['configuration/destination-queues.md', typesPage('queue', types.filter(isQueue))],
    ['configuration/destination-services.md', typesPage('service', types.filter(isService))],
  ];
  return new Map(pages.map(([path, parts]) => [path, `${[mark, ...parts].join('\n\n')}\n`]));
}

const mark =
  '<!-- Made by npm run generate from src/config/ and src/destinations/: edit those. -->';

const head = `# Configuration

Headgate runs without any configuration. To change something, write \`headgate.yaml\` in the working directory:

\`\`\`yaml
listen: 127.0.0.1:9000
log: { retention: 14d }
\`\`\`

Or set the variable of that setting, which wins over the file:

\`\`\`
$ HEADGATE_LISTEN=127.0.0.1:9000 npx headgate serve
\`\`\`

Check the result with \`npx headgate doctor\`. Another file: \`--config FILE\` or \`HEADGATE_CONFIG\`.

## Rules

- **An error stops the start:** an unknown key or \`HEADGATE_*\` variable, a key that appears twice, or an invalid
  value. All errors are listed at once.
- **An empty variable** counts as unset.
- **Secrets** stay out of the file: \`\${NAME}\` in any text is replaced by that variable of the environment. A missing
  or empty variable stops the start. \`$\${\` stands for \`\${\` itself.
- **Durations** are a whole number and \`ms\`, \`s\`, \`m\`, \`h\` or \`d\`: \`500ms\`, \`10s\`, \`7d\`.
- **Sizes** are bytes, or a whole number and \`KiB\`, \`MiB\`, \`GiB\` or \`TiB\` (steps of 1,024).
- **Lists** are YAML lists, or text separated by commas.
- **Paths** are relative to the working directory.`;

/** For each page its settings, with their variables: to find one by a search on this page. */
function overview(): string[] {
  const sections = groups.map((group) => {
    const rows = pathsOf(group).map((path) => [
      `\`${path}\``,
      `\`${environmentName(path)}\``,
      defaultOf(settings[path]),
    ]);
    const link = `[${group.title}](configuration/${group.page}.md)`;
    return `## ${group.title}\n\nDetails: ${link}\n\n${table(['key', 'variable', 'default'], rows)}`;
  });
  return [
    ...sections,
    `## Keys\n\nThe write keys of producers: [keys](configuration/keys.md).`,
    `## Operators\n\nWho may use the admin port, and for what: [operators](configuration/operators.md).`,
    `## Webhooks\n\nServices that send their webhooks to Headgate: [webhooks](configuration/webhooks.md).`,
    `## Intake\n\nStreams of NATS from which Headgate takes events: [intake](configuration/intake.md).`,
    `## Destinations\n\nWhere events go, and the settings of each type: [destinations](configuration/destinations.md), [databases](configuration/destination-types.md), [files and buckets](configuration/destination-files.md), [streams and queues](configuration/destination-queues.md), [all others](configuration/destination-services.md).`,
  ];
}

function groupOf(group: SettingGroup): string[] {
  const rows = pathsOf(group).map((path) => [
    `\`${path}\``,
    `\`${environmentName(path)}\``,
    ...cells(settings[path]),
  ]);
  return [
    `# Configuration: ${group.title[0]!.toLowerCase()}${group.title.slice(1)}`,
    group.introduction,
    table(['key', 'variable', 'default', 'takes', 'meaning'], rows),
    toOverview,
  ];
}

const toOverview = 'How settings are written, and all pages: [configuration](../configuration.md).';

type SettingPath = keyof typeof settings;

function pathsOf({ words }: SettingGroup): SettingPath[] {
  const paths = Object.keys(settings) as SettingPath[];
  return words.flatMap((word) => paths.filter((path) => wordOf(path) === word));
}

function wordOf(path: string): string {
  return path.split('.', 1)[0]!;
}

function keysPage(): string[] {
  const rows = Object.entries(keySettings).map(([name, setting]) => [
    `\`${name}\``,
    ...cells(setting),
  ]);
  return [
    `# Configuration: write keys

With \`auth: keys\`, every request needs a write key. Make one; the command prints its line for the file:

\`\`\`
$ npx headgate keys new --source checkout
\`\`\`

\`\`\`yaml
auth: keys
keys:
  - source: checkout
    hash: "sha256:3f1a5b7c9d0e2f4a6b8c0d1e3f5a7b9c1d2e4f6a8b0c2d3e5f7a9b1c3d4e6f80"
\`\`\`

\`keys\` is a list. A source may have several keys, so that you can change a key without an interruption: add the new
one, change the producer, remove the old one. Keys can also be kept in the log, without a line here, and created and
revoked while gates run: [keys](../../operate/keys-and-certificates.md).`,
    table(['key', 'default', 'takes', 'meaning'], rows),
    toOverview,
  ];
}

function operatorsPage(): string[] {
  const rows = Object.entries(operatorSettings).map(([name, setting]) => [
    `\`${name}\``,
    ...cells(setting),
  ]);
  return [
    `# Configuration: operators

Give each person and program a token of its own for the admin port. The command prints the token once, and its line for
the file:

\`\`\`
$ npx headgate operators new --name ada --role operator
\`\`\`

\`\`\`yaml
operators:
  - name: ada
    role: operator
    hash: "sha256:3f1a5b7c9d0e2f4a6b8c0d1e3f5a7b9c1d2e4f6a8b0c2d3e5f7a9b1c3d4e6f80"
\`\`\`

\`operators\` is a list of up to ${operatorEntriesMax.toLocaleString('en')}. Only tokens that this command made are accepted; the hash of another text
opens nothing. The tokens \`admin.token\` and \`admin.metrics_token\` work as before, under the names \`admin\` and
\`metrics\`. Tasks: [operators and roles](../../operate/operators.md).`,
    table(['key', 'default', 'takes', 'meaning'], rows),
    toOverview,
  ];
}

function webhooksPage(): string[] {
  const rows = Object.entries(webhookSettings).map(([name, setting]) => [
    `\`${name}\``,
    ...cells(setting),
  ]);
  const { secrets, events, properties, sources } = webhookLimits;
  rows.unshift(
    [
      '`secret`',
      '**required**',
      'secret',
      `What the sender signs with; a list of up to ${secrets} while it changes.`,
    ],
    [
      '`events`',
      '**required**',
      'map',
      `From types to event names, up to ${events}: \`order.paid: order_completed\`, or ` +
        '`{ event: order_completed, properties: ... }`. A type may end in `*`; the longest match counts.',
    ],
    [
      '`properties`',
      'the whole body',
      'place or map',
      `A JSON pointer to an object, or a map of up to ${properties} names to places.`,
    ],
  );
  return [
    `# Configuration: webhooks

How webhooks of other services are verified and become events. Tasks and examples:
[webhooks](../../send/webhooks.md).

\`webhooks\` is a map from a source to the settings below, with up to ${sources} sources. The webhooks of a source come to
\`POST /v1/webhooks/<source>\`. A *place* is a JSON pointer into the body, or \`header:\` and the name of a header.
These settings have no variables: \`\${NAME}\` keeps secrets out of the file.`,
    table(['key', 'default', 'takes', 'meaning'], rows),
    toOverview,
  ];
}

function intakePage(): string[] {
  const rows = Object.entries(natsIntakeSettings).map(([name, setting]) => [
    `\`${name}\``,
    ...cells(setting),
  ]);
  return [
    `# Configuration: intake

The streams of your own NATS from which Headgate takes events. Tasks and examples: [events from NATS](../../send/from-nats.md).

\`\`\`yaml
intake:
  nats:
    orders: { stream: ORDERS, consumer: headgate, url: "nats://nats.internal:4222" }
\`\`\`

\`intake.nats\` is a map from a source to the settings below, with up to ${natsIntakesMax} sources. Each setting of a source in the
file has a variable, \`HEADGATE_INTAKE_NATS_<SOURCE>_<SETTING>\`: for example \`HEADGATE_INTAKE_NATS_ORDERS_PASSWORD\`. A
change needs a restart.`,
    table(['key', 'default', 'takes', 'meaning'], rows),
    toOverview,
  ];
}

function destinationsPage(): string[] {
  const rows = Object.entries(destinationSettings).map(([path, setting]) => [
    `\`${path}\``,
    ...cells(setting),
  ]);
  return [
    `# Configuration: destinations

Which type to choose, and how to set it up: [destinations](../../destinations/README.md). This page has the settings of
every destination with their limits; those of each type are on four pages: [databases](destination-types.md),
[files and buckets](destination-files.md), [streams and queues](destination-queues.md) and [all others](destination-services.md).

\`destinations\` is a map from a name of your choice (a letter, then at most 31 of \`a-z\`, \`0-9\`, \`_\`, \`-\`) to the
settings below and those of the type. Without it there is one destination, \`warehouse\`, of type \`sqlite\`, at
\`<data_dir>/warehouse.db\`. With \`destinations: {}\` there is none.

Each setting of a destination in the file has a variable, \`HEADGATE_DESTINATIONS_<NAME>_<SETTING>\`: for example
\`HEADGATE_DESTINATIONS_CRM_RETRY_ATTEMPTS\`.`,
    table(['key', 'default', 'takes', 'meaning'], rows),
    toOverview,
  ];
}

const fileTypes: ReadonlySet<string> = new Set(['parquet', 's3', 'gcs']);

const isFile = ({ type }: DestinationTypeSettings): boolean => fileTypes.has(type);

/** Its destinations start with the oldest event, because they store events. */
const isDatabase = (type: DestinationTypeSettings): boolean =>
  type.startsFrom === 'earliest' && !isFile(type);

const queueTypes: ReadonlySet<string> = new Set(['kafka', 'nats', 'pubsub', 'sqs']);

/** Its consumers are programs, which take events one by one. */
const isQueue = ({ type }: DestinationTypeSettings): boolean => queueTypes.has(type);

const isService = (type: DestinationTypeSettings): boolean =>
  !isDatabase(type) && !isFile(type) && !isQueue(type);

function sectionsOf(types: readonly DestinationTypeSettings[]): string[] {
  return types.map(({ type, settings, options }) => {
    const rows = Object.entries(settings).map(([name, setting]) => [
      `\`${name}\``,
      ...cells(asSetting(setting)),
    ]);
    if (options !== undefined) rows.push(['`options`', 'unset', 'a map', options]);
    const content =
      rows.length === 0
        ? 'It has no settings of its own.'
        : table(['key', 'default', 'takes', 'meaning'], rows);
    const page = `../../destinations/${type}.md`;
    return `## \`type: ${type}\`\n\nHow to use it: [${type}](${page}).\n\n${content}`;
  });
}

const typesPages = {
  database: { title: 'destinations that are databases', link: '[databases](destination-types.md)' },
  file: { title: 'files and buckets', link: '[files and buckets](destination-files.md)' },
  queue: { title: 'streams and queues', link: '[streams and queues](destination-queues.md)' },
  service: {
    title: 'destinations at other services',
    link: '[webhooks, vendors and other services](destination-services.md)',
  },
} as const;

function typesPage(
  kind: keyof typeof typesPages,
  types: readonly DestinationTypeSettings[],
): string[] {
  const others = Object.entries(typesPages).filter(([other]) => other !== kind);
  return [
    `# Configuration: ${typesPages[kind].title}

The settings of each type with their limits. The settings of every destination: [destinations](destinations.md).
Other types: ${others.map(([, { link }]) => link).join(', ')}.`,
    ...sectionsOf(types),
    toOverview,
  ];
}

const example = `## Example

\`\`\`yaml
listen: 0.0.0.0:8080
admin: { listen: "127.0.0.1:8081" }
auth: keys
keys:
  - source: checkout
    hash: "sha256:3f1a5b7c9d0e2f4a6b8c0d1e3f5a7b9c1d2e4f6a8b0c2d3e5f7a9b1c3d4e6f80"
    events: ["order_*"]
limits:
  batch_events_max: 500
log:
  retention: 14d
destinations:
  warehouse: { type: sqlite, path: ./data/warehouse.db }
  crm:
    type: webhook
    url: https://crm.example/hooks
    secret: \${CRM_SECRET}
    events: ["order_*"]
    retry: { attempts: 8, base: 2s, cap: 6h }
\`\`\``;

/** The cells that every table has for a setting: its default, what it takes, what it means. */
function cells(setting: Setting): string[] {
  return [defaultOf(setting), takes(setting), setting.text];
}

function defaultOf(setting: Setting): string {
  if (setting.defaultText !== undefined) return setting.defaultText;
  if (setting.default === undefined) return '**required**';
  if (setting.default === null) return 'unset';
  const unit = setting.kind === 'duration' && typeof setting.default === 'number' ? 'ms' : '';
  return `\`${setting.default}${unit}\``;
}

function takes(setting: Setting): string {
  const { kind, options, min, max, auto } = setting;
  const words = options?.map((option) => `\`${option}\``).join(', ');
  if (words !== undefined) return kind === 'list' ? `list of ${words}` : words;
  if (kind === 'listen') return 'address or `unix:PATH`';
  if (kind !== 'integer' && kind !== 'duration' && kind !== 'bytes') return kind;
  const bounds = max === undefined ? '' : `, ${min} to ${max}`;
  return `${kind}${bounds}${auto ? ', or `auto`' : ''}`;
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  return [row(header), row(header.map(() => '---')), ...rows.map(row)].join('\n');
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}
