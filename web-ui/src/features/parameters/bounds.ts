import type { Parameter } from '../../api/gen/types.gen';
import { textOf, type Value } from './edits';

type Bounded = Pick<Parameter, 'allowed_values' | 'min' | 'max'>;

/** What a value may be, in words; nothing where it may be anything of its type. */
export function boundsOf({ allowed_values, min, max }: Bounded): string {
  const text = (value: unknown) => textOf(value as Value);
  const has = (value: unknown) => value !== undefined && value !== null;
  const parts: string[] = [];
  if (allowed_values) parts.push(`one of ${allowed_values.map(text).join(', ')}`);
  if (has(min) && has(max)) parts.push(`from ${text(min)} to ${text(max)}`);
  else if (has(min)) parts.push(`at least ${text(min)}`);
  else if (has(max)) parts.push(`at most ${text(max)}`);
  return parts.join(', ');
}
