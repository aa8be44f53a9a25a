import type { FreezeSchedule } from '../../api/gen/types.gen';

/** The days of a week as RFC 5545 and people write them, Monday first. */
export const DAYS = [
  ['MO', 'Monday'],
  ['TU', 'Tuesday'],
  ['WE', 'Wednesday'],
  ['TH', 'Thursday'],
  ['FR', 'Friday'],
  ['SA', 'Saturday'],
  ['SU', 'Sunday'],
] as const;

export type Every = 'DAILY' | 'WEEKLY' | 'MONTHLY';
const UNITS: Record<Every, string> = { DAILY: 'day', WEEKLY: 'week', MONTHLY: 'month' };

/** A recurrence as the form offers it. */
export type Repeat = { every: Every; interval: number; days: string[]; ends: Ends };
export type Ends = { kind: 'never' } | { kind: 'count'; count: number } | { kind: 'until'; date: string };

/** The rule that a repetition amounts to. A last day counts to its end, in UTC. */
export function ruleOf({ every, interval, days, ends }: Repeat): string {
  const parts = [`FREQ=${every}`];
  if (interval > 1) parts.push(`INTERVAL=${interval}`);
  if (every === 'WEEKLY' && days.length > 0) {
    const inOrder = DAYS.map(([day]) => day as string).filter((day) => days.includes(day));
    parts.push(`BYDAY=${inOrder.join(',')}`);
  }
  if (ends.kind === 'count') parts.push(`COUNT=${ends.count}`);
  if (ends.kind === 'until') parts.push(`UNTIL=${ends.date.replaceAll('-', '')}T235959Z`);
  return parts.join(';');
}

/** Reads a rule as a repetition; nothing where it says more than the form can. */
export function repeatOf(rule: string): Repeat | undefined {
  const parts = rule.split(';').map((part) => part.split('='));
  const repeat: Repeat = { every: 'DAILY', interval: 1, days: [], ends: { kind: 'never' } };
  let hasEvery = false;
  for (const [name, value = ''] of parts) {
    if (name === 'FREQ' && value in UNITS) {
      repeat.every = value as Every;
      hasEvery = true;
    } else if (name === 'INTERVAL' && /^[1-9]\d*$/.test(value)) repeat.interval = Number(value);
    else if (name === 'BYDAY' && value.split(',').every((day) => DAYS.some(([one]) => one === day)))
      repeat.days = value.split(',');
    else if (name === 'COUNT' && /^[1-9]\d*$/.test(value)) repeat.ends = { kind: 'count', count: Number(value) };
    else if (name === 'UNTIL' && /^\d{8}T235959Z$/.test(value))
      repeat.ends = { kind: 'until', date: `${value.slice(0, 4)}-${value.slice(4, 6)}-${value.slice(6, 8)}` };
    else return undefined;
  }
  const isPlain = hasEvery && (repeat.every === 'WEEKLY' || repeat.days.length === 0);
  return isPlain ? repeat : undefined;
}

const listed = (words: string[]) =>
  words.length < 2 ? (words[0] ?? '') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;

const counted = (count: number, unit: string) => `${count} ${unit}${count === 1 ? '' : 's'}`;

/** A length in words: `2 days 12 hours`. */
export function lengthOf(minutes: number): string {
  const parts: [number, string][] = [
    [Math.floor(minutes / 1440), 'day'],
    [Math.floor((minutes % 1440) / 60), 'hour'],
    [minutes % 60, 'minute'],
  ];
  return parts
    .filter(([count]) => count > 0)
    .map(([count, unit]) => counted(count, unit))
    .join(' ');
}

const dated = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short' });
const day = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeZone: 'UTC' });

/** An instant by the clock of whoever looks. */
export const clock = (at: string) => dated.format(new Date(at));

/** A schedule as people say it; a rule that has no plain words is given as it is. */
export function inWords(schedule: FreezeSchedule): string {
  if (schedule.kind === 'once') return `Once, from ${clock(schedule.starts_at)} to ${clock(schedule.ends_at)}`;
  const [date = '', time = ''] = schedule.starts_at.split('T');
  const tail = ` at ${time} (${schedule.time_zone}), for ${lengthOf(schedule.minutes)}`;
  const repeat = repeatOf(schedule.rule);
  const from = day.format(new Date(`${date}T00:00Z`));
  if (!repeat) return `By the rule ${schedule.rule}${tail}, from ${from}`;
  const { every, interval, days, ends } = repeat;
  const unit = interval === 1 ? UNITS[every] : `${interval} ${UNITS[every]}s`;
  const names = DAYS.filter(([one]) => days.includes(one)).map(([, name]) => name);
  const on =
    every === 'MONTHLY'
      ? ` on day ${Number(date.slice(8))}`
      : every === 'WEEKLY'
        ? ` on ${listed(names.length > 0 ? names : [weekday(date)])}`
        : '';
  const last =
    ends.kind === 'count'
      ? `, ${ends.count === 1 ? 'once' : `${ends.count} times`}`
      : ends.kind === 'until'
        ? `, until ${day.format(new Date(`${ends.date}T00:00Z`))}`
        : '';
  return `Every ${unit}${on}${tail}, from ${from}${last}`;
}

const weekday = (date: string) => DAYS[(new Date(`${date}T00:00Z`).getUTCDay() + 6) % 7]?.[1] ?? '';

/** An instant as the clock here shows it, in the form of a field for dates and times. */
export function localOf(at: string | Date, withSeconds = false): string {
  const instant = new Date(at);
  if (Number.isNaN(instant.getTime())) return '';
  const local = new Date(instant.getTime() - instant.getTimezoneOffset() * 60_000).toISOString();
  return local.slice(0, withSeconds ? 19 : 16);
}

/** The instant that a field for dates and times means here. What is not one stays for the server to refuse. */
export function instantOf(local: string): string {
  const instant = new Date(local);
  return Number.isNaN(instant.getTime()) ? local : instant.toISOString();
}

/** The time zones that a browser knows, and the one that it lives in first. */
export function timeZones(): string[] {
  return [...new Set([ownZone(), 'UTC', ...Intl.supportedValuesOf('timeZone')])];
}

export const ownZone = () => Intl.DateTimeFormat().resolvedOptions().timeZone;
