import type { EventContract } from '../../../event/contracts/event-contract.ts';
import { eventColumns } from '../event-columns.ts';
import {
  planTable,
  planUnplanned,
  propertyOf,
  type PlannedColumn,
  type TablePlan,
} from '../plan-table.ts';
import { viewSuffix } from '../safe-name.ts';
import { acceptedValues, requiredIn } from './contract-facts.ts';
import type { TablesLocation } from './tables-location.ts';

/** A contract with what people say about its event. */
export interface DescribedContract extends EventContract {
  readonly description: string;
  readonly owner: string;
  /** Whether what breaks the contract is refused, or stored with a warning. */
  readonly isChecked: boolean;
  /** What a version says about a property; empty if it says nothing. */
  readonly describe: (version: number, path: readonly string[]) => string;
}

/** Of https://docs.getdbt.com/reference/source-properties, in the form of dbt 1.10 and later. */
interface DbtColumn {
  readonly name: string;
  readonly data_type?: string;
  readonly description?: string;
  readonly config?: { readonly meta: Readonly<Record<string, string>> };
  readonly data_tests?: readonly DbtTest[];
}

type DbtTest = string | Readonly<Record<string, DbtTestArguments>>;

interface DbtTestArguments {
  readonly arguments?: Readonly<Record<string, unknown>>;
  readonly config?: { readonly where: string };
}

interface DbtTable {
  readonly name: string;
  readonly description: string;
  readonly config?: { readonly meta: Readonly<Record<string, string>> };
  readonly columns: readonly DbtColumn[];
}

export interface DbtSource {
  readonly name: string;
  readonly description: string;
  readonly schema?: string;
  readonly config?: { readonly external_location: string };
  readonly tables: readonly DbtTable[];
}

/** The source of one destination: its tables and views, with what the contracts say about each column. */
export function dbtSource(
  name: string,
  location: TablesLocation,
  contracts: readonly DescribedContract[],
): DbtSource {
  const { plan: options, schema, folder, hasViews } = location;
  const tables: DbtTable[] = [];
  for (const contract of contracts) {
    const plan = planTable(contract, options);
    tables.push(tableOf(plan, contract, location));
    if (hasViews && plan.view !== undefined) tables.push(viewOf(plan, contract));
  }
  const unplanned = planUnplanned(options);
  tables.push({
    name: unplanned.table,
    description: 'Events without a contract.',
    columns: commonColumns(location),
  });
  return {
    name,
    description: `Events that Headgate delivered to ${textOf(name)}.`,
    ...(schema === undefined ? {} : { schema }),
    ...(folder === undefined ? {} : { config: { external_location: filesIn(folder) } }),
    tables: tables.toSorted((one, other) => (one.name < other.name ? -1 : 1)),
  };
}

/** As dbt-duckdb reads it: it fills in the name of the table. */
function filesIn(folder: string): string {
  const path = folder.replaceAll("'", "''").replaceAll('{', '{{').replaceAll('}', '}}');
  return `read_parquet('${path}/{name}/**/*.parquet', union_by_name = true)`;
}

function tableOf(plan: TablePlan, contract: DescribedContract, location: TablesLocation): DbtTable {
  const { name, description, owner } = contract;
  return {
    name: plan.table,
    description: textOf(description),
    config: { meta: { event: textOf(name), owner: textOf(owner) } },
    columns: [
      ...commonColumns(location),
      ...plan.columns.map((column) => columnOf(column, contract)),
    ],
  };
}

function viewOf({ table, view }: TablePlan, { name, owner }: DescribedContract): DbtTable {
  return {
    name: `${table}${viewSuffix}`,
    description: `${table}, with one column for each property whose type has changed.`,
    config: { meta: { event: textOf(name), owner: textOf(owner) } },
    columns: [
      ...eventColumns.map((column) => ({ name: column.name })),
      ...view!.columns.map((column) => ({ name: column.name })),
    ],
  };
}

function commonColumns({ plan, hasUniqueIds }: TablesLocation): DbtColumn[] {
  return eventColumns.map(({ name, type, isRequired }) => {
    const tests = [
      ...(name === 'event_id' && hasUniqueIds ? ['unique'] : []),
      ...(isRequired ? ['not_null'] : []),
    ];
    return {
      name,
      data_type: plan.dialect.typeOf(type),
      ...(tests.length === 0 ? {} : { data_tests: tests }),
    };
  });
}

function columnOf(column: PlannedColumn, contract: DescribedContract): DbtColumn {
  const { name, path, declared, versions } = column;
  const tests: DbtTest[] = [];
  if (contract.isChecked) {
    const required = versions.filter((version) => requiredIn(contract.schemas[version - 1]!, path));
    if (required.length > 0) tests.push({ not_null: { config: { where: rowsOf(required) } } });
    const values = acceptedValues(column);
    if (values !== undefined) {
      const where = rowsOf(versions);
      tests.push({ accepted_values: { arguments: { values }, config: { where } } });
    }
  }
  const description = textOf(contract.describe(versions.at(-1)!, path));
  const property = propertyOf(column);
  return {
    name,
    data_type: declared,
    ...(description === '' ? {} : { description }),
    ...(property === undefined ? {} : { config: { meta: { property: textOf(property) } } }),
    ...(tests.length === 0 ? {} : { data_tests: tests }),
  };
}

/** Rows that keep the contract of one of these versions: another may have been stored with a warning. */
function rowsOf(versions: readonly number[]): string {
  return `schema_version in (${versions.join(', ')}) and warnings is null and misfits is null`;
}

/** dbt reads braces in texts as Jinja, and writes its files as UTF-8, which has no lone surrogates. */
function textOf(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(/\{(?=[{%#])/g, '{ ')
    .trim();
}
