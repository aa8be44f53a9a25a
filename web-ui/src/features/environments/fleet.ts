import type { Worker } from '../../api/gen/types.gen';
import { words } from '../../ui/Status';
import { lengthOf } from '../freezes/schedule';
import { WORKER_STATES } from './workerStates';

/** Which workers are looked for, and in which order; what is left out restricts nothing. */
export type Wanted = {
  /** A part of the name. */
  text: string | undefined;
  state: string | undefined;
  /** The version that they run; 0 of those that have applied none. */
  version: string | undefined;
  /** By name, or those that are furthest behind first. */
  order: 'name' | 'lag';
};

/** What a worker runs; 0 where it has applied nothing yet. */
export const versionOf = (worker: Worker) => worker.applied?.config_version ?? 0;

const byName = (one: Worker, other: Worker) =>
  one.name.localeCompare(other.name, 'en', { numeric: true }) || one.started_at.localeCompare(other.started_at);
const byLag = (one: Worker, other: Worker) =>
  other.lag_versions - one.lag_versions || other.lag_seconds - one.lag_seconds || byName(one, other);

/** How many of each there are, by what they have in common. */
export function countBy<K>(workers: Worker[], of: (worker: Worker) => K): Map<K, number> {
  const counts = new Map<K, number>();
  for (const worker of workers) counts.set(of(worker), (counts.get(of(worker)) ?? 0) + 1);
  return counts;
}

/** The workers that are looked for, by state: what asks for attention first; states that the console does not know last. */
export function grouped(workers: Worker[], wanted: Wanted): { state: string; workers: Worker[] }[] {
  const text = wanted.text?.trim().toLowerCase() ?? '';
  const found = workers
    .filter(({ name }) => name.toLowerCase().includes(text))
    .filter(({ state }) => !wanted.state || state === wanted.state)
    .filter((worker) => !wanted.version || versionOf(worker) === Number(wanted.version))
    .sort(wanted.order === 'lag' ? byLag : byName);
  const states = new Set([...Object.keys(WORKER_STATES), ...found.map(({ state }) => state)]);
  return [...states].flatMap((state) => {
    const list = found.filter((worker) => worker.state === state);
    return list.length > 0 ? [{ state, workers: list }] : [];
  });
}

/** How a state is called. */
export const stateName = (state: string) => WORKER_STATES[state]?.[1] ?? words(state);

/** How far a worker is behind, in words; nothing where it is not. */
export function lagOf({ lag_versions, lag_seconds }: Worker): string {
  if (lag_versions === 0) return '';
  const versions = `${lag_versions} ${lag_versions === 1 ? 'version' : 'versions'} behind`;
  const length = lag_seconds < 60 ? `${Math.round(lag_seconds)} seconds` : lengthOf(Math.round(lag_seconds / 60));
  return `${versions}, for ${length}`;
}

/** Parts of a list, each small enough to be drawn at once. */
export function parted<T>(list: T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, at) => list.slice(at * size, (at + 1) * size));
}
