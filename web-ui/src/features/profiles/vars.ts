import { same, type Value } from '../parameters/edits';

/** The variables of a runtime profile by name. */
export type Vars = Record<string, Value>;

/** What a text says of variables, or why it cannot be read. */
export type ReadVars = { vars: Vars } | { problem: string };

/** Reads variables that are written as one JSON object. */
export function varsOf(text: string): ReadVars {
  try {
    const read: unknown = JSON.parse(text);
    if (typeof read === 'object' && read !== null && !Array.isArray(read)) return { vars: read as Vars };
    return { problem: 'Write one JSON object, from { to }' };
  } catch (error) {
    return { problem: `This is not JSON: ${error instanceof Error ? error.message : 'it cannot be read'}` };
  }
}

/** How two sets of variables differ, by name. */
export function varsDiff(before: Vars, after: Vars) {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .sort()
    .filter((name) => !same(before[name], after[name]) || name in before !== name in after)
    .map((name) => ({ name, before: before[name], after: after[name] }));
}
