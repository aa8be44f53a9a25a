import { read, same, textOf, type Value } from '../parameters/edits';
import { type Vars, varsDiff } from './vars';

/** What a variable of a profile can be. */
export type VarType = 'string' | 'number' | 'boolean' | 'json';

export const TYPES: { value: VarType; label: string }[] = [
  { value: 'string', label: 'Text' },
  { value: 'number', label: 'Number' },
  { value: 'boolean', label: 'Yes or no' },
  { value: 'json', label: 'JSON' },
];

/** One variable as it is typed. */
export type Row = { key: string; name: string; type: VarType; text: string; isNew?: boolean; isRemoved?: boolean };

/** The names that the server takes. It says so itself; this says it while one types. */
const NAME = /^[A-Za-z][A-Za-z0-9_]{0,99}$/;

export const typeOf = (value: Value): VarType => {
  const type = typeof value;
  return type === 'string' || type === 'number' || type === 'boolean' ? type : 'json';
};

const rowOf = (name: string, value: Value): Row => ({ key: name, name, type: typeOf(value), text: textOf(value) });

/** Variables as rows, by name. */
export const rowsOf = (vars: Vars): Row[] =>
  Object.keys(vars)
    .sort()
    .map((name) => rowOf(name, vars[name] as Value));

const readValue = ({ type, text }: Row) => read(type === 'boolean' ? 'bool' : type, text);

/** What the rows say together, and what is wrong with each of them, by its key. */
export function readRows(rows: Row[], taken: string[] = []): { vars: Vars; problems: Record<string, string> } {
  const vars: Vars = {};
  const problems: Record<string, string> = {};
  for (const row of rows) {
    if (row.isRemoved) continue;
    const typed = readValue(row);
    if (row.isNew && !NAME.test(row.name))
      problems[row.key] = 'A name starts with a letter, then letters, digits and _';
    else if (row.name in vars) problems[row.key] = 'Another variable has this name';
    else if (taken.includes(row.name)) problems[row.key] = 'A secret has this name';
    else if ('problem' in typed) problems[row.key] = typed.problem;
    else vars[row.name] = typed.value;
  }
  return { vars, problems };
}

/** Whether a row says something else than the variable that it began as. */
export function isChanged(row: Row, base: Vars): boolean {
  if (row.isNew || row.isRemoved) return true;
  const typed = readValue(row);
  return 'problem' in typed || !same(typed.value, base[row.name]);
}

/**
 * The rows over what somebody else made of the variables meanwhile: what was typed stays as it is, the rest is theirs. Also
 * what had been seen, where both changed the same variable.
 */
export function rebasedRows(rows: Row[], base: Vars, next: Vars): { rows: Row[]; seen: Vars } {
  const seen: Vars = {};
  const kept = rows.flatMap((row): Row[] => {
    const theirs = next[row.name];
    const isThere = row.name in next;
    if (!isChanged(row, base)) return isThere ? [{ ...rowOf(row.name, theirs as Value), key: row.key }] : [];
    if (!row.isNew && (!isThere || !same(theirs, base[row.name]))) seen[row.name] = base[row.name] as Value;
    if (row.isRemoved) return isThere ? [row] : [];
    return [{ ...row, isNew: !isThere }];
  });
  const names = new Set(kept.map(({ name }) => name));
  const added = rowsOf(next).filter(({ name }) => !names.has(name));
  return { rows: [...kept, ...added].sort(byName), seen };
}

/** New rows come first, so that they are where they were added; the others by name. */
const byName = (one: Row, other: Row) =>
  Number(other.isNew ?? false) - Number(one.isNew ?? false) || (one.name < other.name ? -1 : 1);

/** The rows after the whole set was written as text: what is missing is removed. */
export function rowsFrom(vars: Vars, rows: Row[], base: Vars): Row[] {
  const keys = new Map(rows.map((row) => [row.name, row.key]));
  const there = rowsOf(vars).map((row) => ({
    ...row,
    key: keys.get(row.name) ?? `text-${row.name}`,
    isNew: !(row.name in base),
  }));
  const removed = rowsOf(base)
    .filter(({ name }) => !(name in vars))
    .map((row) => ({ ...row, key: keys.get(row.name) ?? row.key, isRemoved: true }));
  return [...there, ...removed].sort(byName);
}

/** Names whose numbers a browser does not hold exactly: saving them would change them. */
export function inexact(vars: Vars): string[] {
  const isInexact = (value: unknown): boolean =>
    typeof value === 'number'
      ? Number.isInteger(value) && !Number.isSafeInteger(value) && Math.abs(value) < 1e21
      : typeof value === 'object' && value !== null && Object.values(value).some(isInexact);
  return Object.keys(vars).filter((name) => isInexact(vars[name]));
}

/** What saving would change in the variables that are there now. */
export const changesOf = (now: Vars, vars: Vars, seen: Vars) =>
  varsDiff(now, vars).map((row) => ({ ...row, ...(row.name in seen ? { seen: seen[row.name] as Value } : {}) }));
