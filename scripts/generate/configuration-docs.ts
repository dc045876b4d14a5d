import { type DestinationTypeSettings, asSetting } from '../../src/config/destination-type.ts';
import { keySettings } from '../../src/config/gather/gather-keys.ts';
import { webhookLimits, webhookSettings } from '../../src/config/webhook-settings.ts';
import { environmentName, settings } from '../../src/config/settings.ts';
import type { Setting } from '../../src/config/setting.ts';
import { destinationSettings } from '../../src/config/destination-settings.ts';
import { destinationTypes } from '../../src/destinations/registry.ts';
import type { Generated } from './generated.ts';

/** docs/configuration.md, from the tables that the configuration is read by. */
export function generateConfigurationDocs(): Generated {
  return { files: new Map([['docs/configuration.md', renderConfigurationDocs(destinationTypes)]]) };
}

/** The whole page. */
export function renderConfigurationDocs(types: readonly DestinationTypeSettings[]): string {
  const sections = [
    head,
    settingsSection(),
    keysSection(),
    webhooksSection(),
    destinationsSection(types),
    example,
  ];
  return `${sections.join('\n\n')}\n`;
}

const head = `<!-- Made by npm run generate from src/config/ and src/destinations/: edit those. -->

# Configuration

Headgate runs without any. What you do set stands in \`headgate.yaml\` in the working directory (or in
the file that \`--config FILE\` or \`HEADGATE_CONFIG\` names), or in the environment, which wins over the
file. An empty variable counts as unset.

A key or \`HEADGATE_*\` variable that is not known, a key that is there twice, or a value that cannot be
right stops the start, and all faults are listed at once.

- **Durations** are a whole number and \`ms\`, \`s\`, \`m\`, \`h\` or \`d\`: \`500ms\`, \`10s\`, \`7d\`.
- **Sizes** are bytes, or a whole number and \`KiB\`, \`MiB\`, \`GiB\` or \`TiB\` (steps of 1,024).
- **Lists** are YAML lists, or text with commas between.
- **Paths** are relative to the working directory.
- \`\${NAME}\` in any text of the file is replaced by that variable of the environment, so that secrets
  stay out of the file; a missing or empty one stops the start. \`$\${\` stands for \`\${\` itself.`;

function settingsSection(): string {
  const rows = Object.entries(settings).map(([path, setting]) => [
    `\`${path}\``,
    `\`${environmentName(path)}\``,
    ...cells(setting),
  ]);
  return `## Settings\n\n${table(['key', 'variable', 'default', 'takes', 'meaning'], rows)}`;
}

function keysSection(): string {
  const rows = Object.entries(keySettings).map(([name, setting]) => [
    `\`${name}\``,
    ...cells(setting),
  ]);
  return `## \`keys\`

The write keys, for \`auth: keys\`: a list. \`npx headgate keys new --source checkout\` makes one and prints
its line. A source may have several, so that a key can be changed without a gap.

${table(['key', 'default', 'takes', 'meaning'], rows)}`;
}

function webhooksSection(): string {
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
        '`{ event: order_completed, properties: ... }`. A type may end in `*`; the longest that fits counts.',
    ],
    [
      '`properties`',
      'the whole body',
      'place or map',
      `A JSON pointer to an object, or a map of up to ${properties} names to places.`,
    ],
  );
  return `## \`webhooks\`

A map from a source to how its webhooks are verified and mapped, up to ${sources}: see [webhooks](webhooks.md).
They come to \`POST /v1/webhooks/<source>\`. A place is a JSON pointer into the body, or \`header:\` and the
name of a header. There are no variables: \`\${NAME}\` keeps secrets out of the file.

${table(['key', 'default', 'takes', 'meaning'], rows)}`;
}

function destinationsSection(types: readonly DestinationTypeSettings[]): string {
  const header = ['key', 'default', 'takes', 'meaning'];
  const common = Object.entries(destinationSettings).map(([path, setting]) => [
    `\`${path}\``,
    ...cells(setting),
  ]);
  const sections = types.map(({ type, settings, options }) => {
    const rows = Object.entries(settings).map(([name, setting]) => [
      `\`${name}\``,
      ...cells(asSetting(setting)),
    ]);
    if (options !== undefined) rows.push(['`options`', 'unset', 'a map', options]);
    const content = rows.length === 0 ? 'Has no settings of its own.' : table(header, rows);
    return `### \`type: ${type}\`\n\n${content}`;
  });
  return [
    `## \`destinations\`

A map from a name of your own (a letter, then at most 31 of \`a-z\`, \`0-9\`, \`_\`, \`-\`) to what follows.
Without the section there is one, \`warehouse\`, of type \`sqlite\`, at \`<data_dir>/warehouse.db\`; with
\`destinations: {}\` there is none. Each setting of a destination that is there has a variable,
\`HEADGATE_DESTINATIONS_<NAME>_<SETTING>\`: \`HEADGATE_DESTINATIONS_CRM_RETRY_ATTEMPTS\`.

${table(header, common)}`,
    ...sections,
  ].join('\n\n');
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

/** What every table says of a setting: its default, what it takes, what it means. */
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
