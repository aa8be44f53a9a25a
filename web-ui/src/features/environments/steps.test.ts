import { expect, test } from 'vitest';
import { lasted } from './steps';

test('how long a step took is told in one number', () => {
  const after = (seconds: number) =>
    lasted('2026-01-01T00:00:00.000Z', new Date(1_767_225_600_000 + seconds * 1000).toISOString());
  expect([0.412, 9.5, 60, 600, 10_800, 400_000].map(after)).toEqual([
    '0.41 s',
    '9.5 s',
    '60 s',
    '10 min',
    '3 h',
    '5 d',
  ]);
  expect(after(-5)).toBe('0 s');
});
