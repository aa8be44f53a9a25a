import type { Worker } from '../../api/gen/types.gen';
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

/** How the workers of an environment stand, in one line; the tone is that of the worst. */
export function fleetOf(workers: Pick<Worker, 'state'>[]): { tone: Tone; text: string } {
  const going = workers.filter(({ state }) => state !== 'stopped');
  if (going.length === 0) return { tone: 'neutral', text: 'No workers' };
  const found = Object.entries(WORKER_STATES).flatMap(([state, [tone, , said]]) => {
    const count = going.filter((worker) => worker.state === state).length;
    return count > 0 ? { tone, said, count } : [];
  });
  const [worst] = found;
  const whole = `${going.length} ${going.length === 1 ? 'worker' : 'workers'}`;
  if (worst === undefined) return { tone: 'neutral', text: whole };
  const parts = found.map(({ said, count }) => (found.length > 1 ? `${count} ${said}` : said));
  return { tone: worst.tone, text: `${whole}: ${parts.join(', ')}` };
}
