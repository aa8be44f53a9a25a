import { describe, expect, it } from 'vitest';
import { varsDiff, varsOf } from './vars';

describe('variables', () => {
  it('are one JSON object', () => {
    expect(varsOf('{"a": 1}')).toEqual({ vars: { a: 1 } });
    expect(varsOf('[1]')).toEqual({ problem: 'Write one JSON object, from { to }' });
    expect(varsOf('{')).toHaveProperty('problem');
  });
  it('differ by name, whatever their order', () => {
    expect(varsDiff({ a: 1, b: { x: 1, y: 2 }, c: 3 }, { b: { y: 2, x: 1 }, a: 2, d: null })).toEqual([
      { name: 'a', before: 1, after: 2 },
      { name: 'c', before: 3, after: undefined },
      { name: 'd', before: undefined, after: null },
    ]);
  });
});
