import type { FieldProblem } from '../../event-form/field-row.tsx';

/** `...: properties break version 1; /properties/plan: is not one of "free"; /properties/total: ...`. */
const place = /; (\/[^\s:;]+): ([^;]+)/g;

/**
 * The places that a refused fix names in its text, for the fields of the form. What is not found here is
 * still in the text, which is shown as a whole.
 */
export function violationsOf(text: string): FieldProblem[] {
  return [...text.matchAll(place)].map(([, path, message]) => ({
    path: path!,
    message: message!.trim(),
  }));
}
