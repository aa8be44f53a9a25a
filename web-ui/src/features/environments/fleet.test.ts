import { expect, test } from 'vitest';
import type { Worker } from '../../api/gen/types.gen';
import { countBy, grouped, lagOf, parted, versionOf } from './fleet';

const worker = (name: string, state: string, version: number, lag = 0): Worker =>
  ({
    name,
    state,
    session_id: name,
    started_at: '2026-01-01T00:00:00Z',
    lag_versions: lag,
    lag_seconds: lag * 60,
    applied: version === 0 ? null : { config_version: version },
  }) as Worker;

const fleet = [
  worker('bench-10', 'current', 4),
  worker('bench-9', 'current', 4),
  worker('gate-1', 'lagging', 2, 2),
  worker('gate-2', 'lagging', 1, 3),
  worker('odd', 'dreaming', 4),
  worker('pump', 'refused', 3, 1),
  worker('new', 'lagging', 0, 4),
];
const names = (wanted: Partial<Parameters<typeof grouped>[1]>) =>
  grouped(fleet, { text: undefined, state: undefined, version: undefined, order: 'name', ...wanted }).map(
    ({ state, workers }) => [state, ...workers.map(({ name }) => name)],
  );

test('workers stand by state, what asks for attention first, and in the order of people', () => {
  expect(names({})).toEqual([
    ['refused', 'pump'],
    ['lagging', 'gate-1', 'gate-2', 'new'],
    ['current', 'bench-9', 'bench-10'],
    ['dreaming', 'odd'],
  ]);
  expect(names({ order: 'lag', state: 'lagging' })).toEqual([['lagging', 'new', 'gate-2', 'gate-1']]);
});

test('workers are found by a part of the name and by what they run', () => {
  expect(names({ text: ' GATE' })).toEqual([['lagging', 'gate-1', 'gate-2']]);
  expect(names({ version: '4', text: 'bench' })).toEqual([['current', 'bench-9', 'bench-10']]);
  expect(names({ version: '0' })).toEqual([['lagging', 'new']]);
  expect(names({ text: 'nobody' })).toEqual([]);
});

test('they are counted, told how far they are behind, and drawn in parts', () => {
  expect(countBy(fleet, versionOf).get(4)).toBe(3);
  expect(lagOf(worker('a', 'lagging', 2, 1))).toBe('1 version behind, for 1 minute');
  expect(lagOf(worker('a', 'current', 2))).toBe('');
  expect(parted([1, 2, 3], 2)).toEqual([[1, 2], [3]]);
  expect(parted([], 2)).toEqual([]);
});
