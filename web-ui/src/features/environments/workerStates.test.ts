import { expect, test } from 'vitest';
import { fleetOf } from './workerStates';

const workers = (...states: string[]) => {
  const counts: Record<string, number> = {};
  for (const state of states) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
};

test('a fleet is told by its worst, and by how many', () => {
  expect(fleetOf(workers())).toEqual({ tone: 'neutral', text: 'No workers' });
  expect(fleetOf(workers('stopped'))).toEqual({ tone: 'neutral', text: 'No workers' });
  expect(fleetOf(workers('current', 'current', 'stopped'))).toEqual({ tone: 'good', text: '2 workers: up to date' });
  expect(fleetOf(workers('current', 'refused', 'current'))).toEqual({
    tone: 'bad',
    text: '3 workers: 1 refusing, 2 up to date',
  });
});
