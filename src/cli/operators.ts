import { Command, InvalidArgumentError, Option } from 'commander';

import {
  operatorNamePattern,
  operatorRoles,
  reservedOperatorNames,
  type OperatorRole,
} from '../config/operators/operator-entry.ts';
import { hashOperatorToken, newOperatorToken } from '../config/operators/operator-token.ts';

interface NewOperatorOptions {
  readonly name: string;
  readonly role: OperatorRole;
  readonly json?: true;
}

/** `headgate operators`: who may use the admin port. Needs no running gate, as `keys new`. */
export function operatorsCommand(
  write: (text: string) => void = (text) => void process.stdout.write(text),
): Command {
  const operators = new Command('operators').description('make tokens for the admin port');
  operators
    .command('new')
    .description('make the token of an operator; it is shown once, and only its hash is configured')
    .requiredOption('--name <name>', 'who it is for, e.g. ada or ada@example.com', readName)
    .addOption(
      new Option('--role <role>', 'what it may do').choices(operatorRoles).makeOptionMandatory(),
    )
    .option('--json', 'print JSON')
    .action((options: NewOperatorOptions) => write(describeNewOperator(options)));
  return operators;
}

function describeNewOperator({ name, role, json }: NewOperatorOptions): string {
  const token = newOperatorToken();
  const hash = hashOperatorToken(token);
  const line = `  - { name: ${JSON.stringify(name)}, role: ${role}, hash: "${hash}" }`;
  if (json) return `${JSON.stringify({ name, role, token, hash, yaml: line })}\n`;
  return [
    `The token of ${name}, with the role ${role}; it is not shown again:`,
    '',
    `  ${token}`,
    '',
    'Put this into headgate.yaml. A running gate follows the file:',
    '',
    'operators:',
    line,
    '',
  ].join('\n');
}

function readName(text: string): string {
  if (!operatorNamePattern.test(text)) {
    throw new InvalidArgumentError(
      'Begin with a letter or digit, then at most 63 of a-z, 0-9, _, ., @, + and -.',
    );
  }
  if (reservedOperatorNames.includes(text)) {
    throw new InvalidArgumentError('This is the name of a token of `admin`.');
  }
  return text;
}
