import { words } from '../../ui/Status';

/** The most facts that fit on a line. */
const MOST = 4;
/** Ids and hashes: for programs, and in the whole record for people. */
const forPrograms = (name: string, value: string) =>
  /(^|_)(ids?|commit|tree|head|hash|blob)$/.test(name) || /^[0-9a-f-]{32,}$|^\d{4}-\d\d-\d\dT/.test(value);

/** What an event says of a thing, as one line: its plain facts, without ids. */
export function told(state: unknown): string {
  if (typeof state !== 'object' || state === null || Array.isArray(state)) return '';
  const facts = Object.entries(state).flatMap(([name, value]) => {
    const text = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? `${value}` : '';
    if (text === '' || text.length > 80 || forPrograms(name, text)) return [];
    return `${words(name).toLowerCase()} ${/^[a-z]+(_[a-z]+)+$/.test(text) ? words(text).toLowerCase() : text}`;
  });
  return facts.slice(0, MOST).join(', ');
}
