import type { RawOperator } from '../gather/gather-operators.ts';
import { operatorSettings } from '../gather/gather-operators.ts';
import {
  operatorNamePattern,
  reservedOperatorNames,
  type OperatorEntry,
  type OperatorRole,
} from '../operators/operator-entry.ts';
import { hashOperatorToken } from '../operators/operator-token.ts';
import type { Secret } from '../secret.ts';
import type { SettingValues } from '../settings.ts';
import { keyHashPattern } from '../write-key.ts';
import { readTable } from './table-values.ts';

/** Reads the operators. A name stands for one person or program, so that it appears once. */
export function buildOperators(raws: readonly RawOperator[], faults: string[]): OperatorEntry[] {
  const fromByName = new Map<string, string>();
  const fromByHash = new Map<string, string>();
  const operators: OperatorEntry[] = [];
  for (const raw of raws) {
    const { values, from } = readTable(
      operatorSettings,
      raw.values,
      (path) => `${raw.from}.${path}`,
      faults,
    );
    const name = values.get('name') as string | undefined;
    const role = values.get('role') as OperatorRole | undefined;
    const hash = (values.get('hash') as Secret | undefined)?.reveal();
    if (name !== undefined) validateName(name, from('name'), fromByName, faults);
    if (hash !== undefined) validateHash(hash, from('hash'), fromByHash, faults);
    if (name !== undefined && role !== undefined && hash !== undefined) {
      operators.push({ name, role, hash });
    }
  }
  return operators;
}

/** Adds a fault where a token of `admin` is that of an operator, who would have its role. */
export function validateOwnTokens(
  values: Partial<SettingValues>,
  operators: readonly OperatorEntry[],
  faults: string[],
): void {
  for (const path of ['admin.token', 'admin.metrics_token'] as const) {
    const token = values[path]?.reveal();
    if (token === undefined) continue;
    const hash = hashOperatorToken(token);
    const owner = operators.find((operator) => operator.hash === hash);
    if (owner === undefined) continue;
    faults.push(
      `${path}: is the token of the operator ${owner.name}: remove it here, and let commands read it ` +
        'from HEADGATE_OPERATOR_TOKEN',
    );
  }
}

function validateName(
  name: string,
  from: string,
  fromByName: Map<string, string>,
  faults: string[],
): void {
  const first = fromByName.get(name);
  if (!operatorNamePattern.test(name)) {
    faults.push(
      `${from}: is not a name: begin with a letter or digit, then at most 63 of a-z, 0-9, _, ., @, + and -`,
    );
  } else if (reservedOperatorNames.includes(name)) {
    faults.push(`${from}: ${name} is the name of a token of admin: choose another name`);
  } else if (first !== undefined) {
    faults.push(`${from}: is the same as ${first}: give each operator a name of its own`);
  } else {
    fromByName.set(name, from);
  }
}

/** Never shows the hash: it may be the token itself, entered by mistake. */
function validateHash(
  hash: string,
  from: string,
  fromByHash: Map<string, string>,
  faults: string[],
): void {
  const first = fromByHash.get(hash);
  if (!keyHashPattern.test(hash)) {
    faults.push(
      `${from}: is not a hash: write sha256: and 64 hex digits in lower case, as ` +
        '`headgate operators new` prints them',
    );
  } else if (first !== undefined) {
    faults.push(`${from}: is the same as ${first}: make a token for each operator`);
  } else {
    fromByHash.set(hash, from);
  }
}
