import type { KeyClash } from '../../api/gen/types.gen';

/** How the two sides of a key collide. */
export const CLASHES: Record<KeyClash, string> = {
  both_changed: 'Both changed it, to different values',
  removed_and_changed: 'One took away what the other changed',
  both_added: 'Both added it, with different values',
  order: 'Both put the same items into another order',
  twice: 'The merged file would hold it twice',
  lost: 'The merged file would not hold what one side set',
  reference: 'An alias would refer to something else than was meant',
};
