import type { ListAuditEventsData } from '../../api/gen/types.gen';
import type { Search } from '../../routes';

const DAY = /^(\d{4})-(\d\d)-(\d\d)$/;

/** Midnight at the beginning of a day where the reader is, or of one so many days later; nothing of what is no day. */
export function midnight(day: string | undefined, later = 0): Date | undefined {
  const [, year, month, date] = DAY.exec(day ?? '') ?? [];
  if (!year || !month || !date) return undefined;
  const at = new Date(Number(year), Number(month) - 1, Number(date) + later);
  return Number.isNaN(at.getTime()) ? undefined : at;
}

/** What an address asks the log for. */
export function asked(app: string, search: Search): NonNullable<ListAuditEventsData['query']> {
  const from = midnight(search.since)?.toISOString();
  const until = midnight(search.till, 1)?.toISOString();
  return {
    app,
    page: search.page ?? 1,
    limit: 50,
    ...(search.q ? { entity: search.q } : {}),
    ...(search.by ? { by: search.by } : {}),
    ...(search.action ? { action: search.action } : {}),
    // A thing is of one kind already.
    ...(search.type && !search.action && !search.q ? { kind: search.type } : {}),
    ...(from ? { from } : {}),
    ...(until ? { until } : {}),
  };
}

/** An address that asks for everything. */
export const EVERYTHING = {
  q: undefined,
  by: undefined,
  action: undefined,
  type: undefined,
  since: undefined,
  till: undefined,
  page: undefined,
} as const;
