import type { Tone } from '../../ui/Status';

/** How each state of a worker looks and is called, and how it is said of several; what asks for attention comes first. */
export const WORKER_STATES: Record<string, [tone: Tone, word: string, ofSeveral: string]> = {
  refused: ['bad', 'Refused', 'refusing'],
  lost: ['bad', 'Not heard of', 'not heard of'],
  lagging: ['warn', 'Behind', 'behind'],
  restart_required: ['warn', 'Restart required', 'to be restarted'],
  waiting: ['info', 'Waits for a boundary', 'waiting for a boundary'],
  current: ['good', 'Up to date', 'up to date'],
  stopped: ['neutral', 'Stopped', 'stopped'],
};

/** How the workers of an environment stand, by how many are in which state, in one line; the tone is that of the worst. */
export function fleetOf(counts: Record<string, number>): { tone: Tone; text: string } {
  const found = Object.entries(WORKER_STATES).flatMap(([state, [tone, , said]]) => {
    const count = state === 'stopped' ? 0 : (counts[state] ?? 0);
    return count > 0 ? [{ tone, said, count }] : [];
  });
  const [worst] = found;
  if (worst === undefined) return { tone: 'neutral', text: 'No workers' };
  const all = found.reduce((sum, { count }) => sum + count, 0);
  const parts = found.map(({ said, count }) => (found.length > 1 ? `${count} ${said}` : said));
  return { tone: worst.tone, text: `${all} ${all === 1 ? 'worker' : 'workers'}: ${parts.join(', ')}` };
}
