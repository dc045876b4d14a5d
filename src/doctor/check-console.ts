import type { CheckFindings } from './finding.ts';

/** `where` is where the console is served; undefined if it is not built, which hinders nothing. */
export function checkConsole(findings: CheckFindings, where: string | undefined): void {
  if (where !== undefined) findings.ok(`the console is served ${where}`);
  else findings.ok('the console is not built: npm run build:console makes it');
}
