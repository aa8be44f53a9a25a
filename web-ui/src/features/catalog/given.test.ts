import { expect, it } from 'vitest';
import { given, givenList } from './given';

it('a value may be left out, and is one of its type', () => {
  expect(given('int', ' ')).toEqual({ none: true });
  expect(given('int', ' 7 ')).toEqual({ value: 7 });
  expect(given('int', 'x')).toHaveProperty('problem');
  expect(given('enum', ' full ')).toEqual({ value: 'full' });
});

it('several values stand one a line', () => {
  expect(givenList('number', '1\n\n2.5\n')).toEqual({ values: [1, 2.5] });
  expect(givenList('int', '1\ntwo')).toEqual({ problem: 'two: Type a whole number' });
});
