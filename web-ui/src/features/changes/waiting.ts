import type { Changeset } from '../../api/gen/types.gen';

/** What somebody is waited for, in the order in which it matters. The server's actions say who. */
const ASKS: [action: string, words: string][] = [
  ['approve', 'Review'],
  ['move_to_draft', 'Solve the conflict'],
  ['queue', 'Queue'],
  ['submit', 'Submit'],
];

/** What this changeset waits for from the person who looks at it; nothing, most of the time. */
export function waitsFor(changeset: Pick<Changeset, 'allowed_actions'>): string | undefined {
  return ASKS.find(([action]) => changeset.allowed_actions.includes(action))?.[1];
}
