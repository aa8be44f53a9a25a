import { expect, test } from 'vitest';
import type { DiffLine, Hunk } from '../../api/gen/types.gen';
import { cut, type Language, languageOf, partsOf, textLines } from './colours';

const told = (line: string, language: Language = 'yaml') =>
  partsOf(line, language)
    .filter(({ kind }) => kind)
    .map(({ text, kind }) => `${kind} ${text}`);

test('a line of YAML is its keys, atoms and comment', () => {
  expect(told('timeout: 45s # by night')).toEqual(['key timeout', 'comment # by night']);
  expect(told('  - name: beds')).toEqual(['key name']);
  expect(told('    max: 40')).toEqual(['key max', 'atom 40']);
  expect(told('- {name: low, default: -1.5e3, on: true}')).toEqual([
    'key name',
    'key default',
    'atom -1.5e3',
    'key on',
    'atom true',
  ]);
  expect(told('path: /a#b:c')).toEqual(['key path']);
  expect(told("\"a: b\": 'it''s # no comment'")).toEqual(['key "a: b"']);
  expect(told('base: &base !int ~')).toEqual(['key base', 'atom &base', 'atom !int', 'atom ~']);
  expect(told('rules: [low < high, 3]')).toEqual(['key rules', 'atom 3']);
  expect(told('# all of it: 3')).toEqual(['comment # all of it: 3']);
  expect(told('just words')).toEqual([]);
});

test('a line of JSON is told as well', () => {
  expect(told('  "name": "a: b", "on": false, "n": null,', 'json')).toEqual([
    'key "name"',
    'key "on"',
    'atom false',
    'key "n"',
    'atom null',
  ]);
});

test('the parts together are the line, whatever it is', () => {
  const odd = [
    '',
    ' ',
    ':',
    '::',
    '#',
    'a:',
    '"open',
    "'",
    '{{}}]',
    '&',
    '- - -',
    '\t x: 1',
    'ä: ☕ # ü',
    '[,,',
    'a : b',
    '?',
    '!',
  ];
  const letters = 'a:#"\'-{}[], \t&*!|>1e.\\~';
  let seed = 7;
  const next = (below: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return seed % below;
  };
  for (let at = 0; at < 3_000; at++) {
    odd.push(Array.from({ length: next(24) }, () => letters[next(letters.length)]).join(''));
  }
  for (const line of odd) {
    const parts = partsOf(line, next(2) === 0 ? 'yaml' : 'json');
    expect(parts.map(({ text }) => text).join('')).toBe(line);
    const [from, to] = [next(line.length + 1), next(line.length + 2)];
    expect(
      cut(parts, Math.min(from, to), Math.max(from, to))
        .map(({ text }) => text)
        .join(''),
    ).toBe(line.slice(Math.min(from, to), Math.max(from, to)));
  }
});

test('long lines are left alone, and quickly told', () => {
  const long = 'a: '.repeat(100_000);
  expect(partsOf(long, 'yaml')).toEqual([{ text: long, kind: undefined }]);
  expect(['a/b.yml', 'b.YAML', 'c.json', 'd.md'].map(languageOf)).toEqual(['yaml', 'yaml', 'json', undefined]);
});

test('the text of a block is no keys', () => {
  const line = (kind: DiffLine['kind'], text: string) => ({ kind, text }) as DiffLine;
  const lines = [
    line('context', 'note: |'),
    line('context', '  see: below'),
    line('deleted', '  old: words'),
    line('added', '  new: words'),
    line('context', ''),
    line('context', 'next: 1'),
    line('added', '- >-'),
    line('added', '  folded: text'),
    line('context', 'after: 2'),
  ];
  const found = textLines([{ lines } as Hunk]);
  expect(lines.filter((one) => found.has(one)).map(({ text }) => text)).toEqual([
    '  see: below',
    '  old: words',
    '  new: words',
    '',
    '  folded: text',
  ]);
});
