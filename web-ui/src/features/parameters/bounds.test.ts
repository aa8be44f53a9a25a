import { expect, it } from 'vitest';
import { boundsOf } from './bounds';

it('bounds are said in words', () => {
  expect(boundsOf({})).toBe('');
  expect(boundsOf({ min: 0, max: null })).toBe('at least 0');
  expect(boundsOf({ max: '15m' })).toBe('at most 15m');
  expect(boundsOf({ min: 1, max: 10 })).toBe('from 1 to 10');
  expect(boundsOf({ allowed_values: ['a', 2, true] })).toBe('one of a, 2, true');
});
