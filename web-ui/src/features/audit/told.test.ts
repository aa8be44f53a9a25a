import { expect, test } from 'vitest';
import { told } from './told';

test('an event is told by its plain facts', () => {
  expect(told({ environment: 'dev', environment_id: 'x', tag: 'r2026.01.01.1', kind: 'skip_stage' })).toBe(
    'environment dev, tag r2026.01.01.1, kind skip stage',
  );
  expect(told({ commit: 'abc', status: { state: 'x' }, to: '01a217b2-7bbd-76c6-8d6e-68e0a0a9ce01' })).toBe('');
  expect(told(null)).toBe('');
});
