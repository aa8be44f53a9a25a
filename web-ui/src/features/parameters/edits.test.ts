import { describe, expect, it } from 'vitest';
import { changesOf, type Parameters, read, rebased, same, textOf } from './edits';

const parameters: Parameters = {
  limit: { type: 'int', value: 3 },
  share: { type: 'number', value: 0.5 },
  on: { type: 'bool', value: true },
  window: { type: 'duration', value: '5m' },
  limits: { type: 'json', value: { a: 1, b: [1, 2] } },
};

describe('reading what was typed', () => {
  it('takes each type in its own form', () => {
    expect(read('int', ' 12 ')).toEqual({ value: 12 });
    expect(read('int', '1.5')).toHaveProperty('problem');
    expect(read('int', '9007199254740993')).toHaveProperty('problem');
    expect(read('number', '1e3')).toEqual({ value: 1000 });
    expect(read('number', '')).toHaveProperty('problem');
    expect(read('bool', 'false')).toEqual({ value: false });
    expect(read('duration', '5m')).toEqual({ value: '5m' });
    expect(read('json', '{"a":')).toHaveProperty('problem');
  });

  it('reads back what it shows', () => {
    for (const { type, value } of Object.values(parameters)) {
      expect(read(type, textOf(value as string))).toEqual({ value });
    }
  });
});

describe('what saving would change', () => {
  it('leaves out what stays the same, in whatever form it was typed', () => {
    const { changes } = changesOf(parameters, {
      limit: { text: '3', base: 3 },
      limits: { text: '{"b":[1,2],"a":1}', base: { a: 1, b: [1, 2] } },
      share: { text: '0.75', base: 0.5 },
    });
    expect(changes).toEqual([{ name: 'share', current: 0.5, proposed: 0.75 }]);
  });

  it('says what cannot be read, and what the catalog has no more', () => {
    const { changes, problems } = changesOf(parameters, {
      limit: { text: 'x', base: 3 },
      gone: { text: '1', base: 0 },
    });
    expect(changes).toEqual([]);
    expect(Object.keys(problems)).toEqual(['limit', 'gone']);
  });
});

describe('when somebody else has saved meanwhile', () => {
  const now = { ...parameters, limit: { type: 'int', value: 7 }, share: { type: 'number', value: 0.75 } };
  const edits = {
    limit: { text: '5', base: 3 },
    share: { text: '0.75', base: 0.5 },
    window: { text: '9m', base: '5m' },
    on: { text: '?', base: true },
  };

  it('recomputes the changes against what runs now, and marks what was overtaken', () => {
    expect(changesOf(now, edits).changes).toEqual([
      { name: 'limit', current: 7, proposed: 5, seen: 3 },
      { name: 'window', current: '5m', proposed: '9m' },
    ]);
  });

  it('loses no input', () => {
    expect(rebased(now, edits)).toEqual({
      limit: { text: '5', base: 7 },
      window: { text: '9m', base: '5m' },
      on: { text: '?', base: true },
    });
  });
});

describe('sameness', () => {
  it('tells lists from objects and numbers from texts', () => {
    expect(same([], {})).toBe(false);
    expect(same(1, '1')).toBe(false);
    expect(same({ a: [1] }, { a: [1] })).toBe(true);
    expect(same(null, {})).toBe(false);
  });
});
