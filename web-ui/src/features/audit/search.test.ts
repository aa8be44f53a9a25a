import { expect, test } from 'vitest';
import { actionIn, actionName, kindName } from './kinds';
import { asked, midnight } from './search';

test('an address asks for what it says, and for whole days where the reader is', () => {
  expect(asked('a', {})).toEqual({ app: 'a', page: 1, limit: 50 });
  const all = asked('a', { q: 'x', by: 'system', action: 'draft.approved', since: '2026-02-27', till: '2026-02-28' });
  expect(all).toEqual({
    app: 'a',
    page: 1,
    limit: 50,
    entity: 'x',
    by: 'system',
    action: 'draft.approved',
    from: new Date(2026, 1, 27).toISOString(),
    until: new Date(2026, 2, 1).toISOString(),
  });
});

test('one of kind and action is asked for, and no kind of a thing', () => {
  expect(asked('a', { type: 'release' }).kind).toBe('release');
  expect(asked('a', { type: 'release', action: 'release.published' }).kind).toBeUndefined();
  expect(asked('a', { type: 'release', q: 'x' }).kind).toBeUndefined();
});

test('what is no day is none', () => {
  for (const day of [undefined, '', 'yesterday', '2026-1-1']) expect(midnight(day)).toBeUndefined();
});

test('what was done is told in words', () => {
  expect(kindName('parameter_draft')).toBe('Values of parameters');
  expect(actionIn('changeset', 'changeset.moved_to_draft')).toBe('Moved to draft');
  expect(actionIn('parameter_draft', 'draft.approved')).toBe('Draft approved');
  expect(actionName('release.published')).toBe('Release published');
});
