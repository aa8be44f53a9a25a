import { describe, expect, it } from 'vitest';
import { instantOf, inWords, lengthOf, localOf, type Repeat, repeatOf, ruleOf, timeZones } from './schedule';

const repeats: [string, Repeat][] = [
  ['FREQ=DAILY', { every: 'DAILY', interval: 1, days: [], ends: { kind: 'never' } }],
  ['FREQ=WEEKLY;BYDAY=MO,FR', { every: 'WEEKLY', interval: 1, days: ['MO', 'FR'], ends: { kind: 'never' } }],
  ['FREQ=MONTHLY;INTERVAL=2;COUNT=3', { every: 'MONTHLY', interval: 2, days: [], ends: { kind: 'count', count: 3 } }],
  [
    'FREQ=DAILY;UNTIL=20261224T235959Z',
    { every: 'DAILY', interval: 1, days: [], ends: { kind: 'until', date: '2026-12-24' } },
  ],
];

describe('a recurrence rule', () => {
  it.each(repeats)('%s is what the form makes and reads', (rule, repeat) => {
    expect(ruleOf(repeat)).toBe(rule);
    expect(repeatOf(rule)).toEqual(repeat);
  });

  it.each(['FREQ=MONTHLY;BYDAY=1MO', 'FREQ=YEARLY', 'FREQ=DAILY;BYDAY=MO', 'every day', '', 'FREQ=WEEKLY;INTERVAL=0'])(
    '%s is left as it is',
    (rule) => expect(repeatOf(rule)).toBeUndefined(),
  );

  it('has its days in the order of the week', () => {
    expect(ruleOf({ every: 'WEEKLY', interval: 1, days: ['SU', 'MO'], ends: { kind: 'never' } })).toBe(
      'FREQ=WEEKLY;BYDAY=MO,SU',
    );
  });
});

describe('a schedule in words', () => {
  const recurring = (rule: string, minutes = 3600) =>
    inWords({ kind: 'recurring', rule, minutes, starts_at: '2026-11-27T18:00', time_zone: 'Europe/Berlin' });
  it('names days, time, zone, length and end', () => {
    expect(recurring('FREQ=WEEKLY;BYDAY=FR,SA')).toBe(
      'Every week on Friday and Saturday at 18:00 (Europe/Berlin), for 2 days 12 hours, from Nov 27, 2026',
    );
    expect(recurring('FREQ=WEEKLY;COUNT=2', 90)).toBe(
      'Every week on Friday at 18:00 (Europe/Berlin), for 1 hour 30 minutes, from Nov 27, 2026, 2 times',
    );
    expect(recurring('FREQ=MONTHLY;INTERVAL=2;UNTIL=20271231T235959Z', 60)).toBe(
      'Every 2 months on day 27 at 18:00 (Europe/Berlin), for 1 hour, from Nov 27, 2026, until Dec 31, 2027',
    );
  });
  it('gives a rule that it has no words for', () => {
    expect(recurring('FREQ=YEARLY;BYMONTH=12')).toMatch(/^By the rule FREQ=YEARLY;BYMONTH=12 at 18:00/);
  });
});

it('instants go through a field for dates and times unharmed', () => {
  expect(instantOf(localOf('2026-11-27T17:00:00.000Z'))).toBe('2026-11-27T17:00:00.000Z');
  expect(instantOf('never')).toBe('never');
});

it('lengths are told in words', () => expect(lengthOf(1441)).toBe('1 day 1 minute'));

it('there is always UTC', () => expect(timeZones()).toContain('UTC'));
