import { read, type Value } from '../parameters/edits';

/** A value that may be left out: what was given, or why it is none of its type. */
export type Given = { value: Value } | { problem: string } | { none: true };

/** Reads a field that may be left empty. */
export function given(type: string, text: string): Given {
  return text.trim() === '' ? { none: true } : read(type, type === 'json' ? text : text.trim());
}

/** Reads a field with one value a line. */
export function givenList(type: string, text: string): { values: Value[] } | { problem: string } {
  const values: Value[] = [];
  for (const line of text.split('\n')) {
    const one = given(type, line);
    if ('problem' in one) return { problem: `${line.trim()}: ${one.problem}` };
    if ('value' in one) values.push(one.value);
  }
  return { values };
}
