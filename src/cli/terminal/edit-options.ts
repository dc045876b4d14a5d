import { create } from '@bufbuild/protobuf';
import { InvalidArgumentError } from 'commander';

import { EventEditSchema, type EventEdit } from '../../../gen/headgate/v1/event_edit_pb.ts';

/*
 * The options by which an event is edited: `--set path=value`, `--unset path`.
 */

export function addSet(text: string, edits: readonly EventEdit[] = []): EventEdit[] {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('Give path=value: properties.currency=EUR.');
  const value = text.slice(at + 1);
  return [...edits, editOf(text.slice(0, at), isJson(value) ? value : JSON.stringify(value))];
}

export function addUnset(text: string, edits: readonly EventEdit[] = []): EventEdit[] {
  return [...edits, editOf(text, '')];
}

function editOf(place: string, valueJson: string): EventEdit {
  return create(EventEditSchema, { path: pointerOf(place), valueJson });
}

/** `properties.items.0.sku`, or a JSON pointer as it is. */
function pointerOf(place: string): string {
  return place.startsWith('/') ? place : `/${place.replaceAll('~', '~0').split('.').join('/')}`;
}

export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
