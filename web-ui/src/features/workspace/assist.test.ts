import { Text } from '@codemirror/state';
import { describe, expect, test } from 'vitest';
import { offsetOf, placeOf, underlined } from './assist';

const doc = Text.of(['type: page', 'title: 🧪 Größe', 'entity: patent # who']);

describe('places of a text', () => {
  test('columns count characters, not what a browser counts', () => {
    // The flask takes two units here and one character at the server.
    const flask = doc.line(2).from + 'title: '.length;
    expect(placeOf(doc, flask)).toEqual({ line: 2, column: 8 });
    expect(placeOf(doc, flask + 3)).toEqual({ line: 2, column: 10 });
    expect(offsetOf(doc, 2, 10)).toBe(flask + 3);
    for (let offset = 0; offset <= doc.length; offset += 1) {
      if (offset === flask + 1) continue;
      const { line, column } = placeOf(doc, offset);
      expect(offsetOf(doc, line, column)).toBe(offset);
    }
  });

  test('a place that is not there is the nearest one', () => {
    expect(offsetOf(doc, 99, 1)).toBe(doc.line(3).from);
    expect(offsetOf(doc, 1, 99)).toBe(doc.line(1).to);
    expect(offsetOf(doc, 0, 0)).toBe(0);
  });

  test('a finding underlines its word', () => {
    const { from, to } = underlined(doc, { line: 3, column: 9 });
    expect(doc.sliceString(from, to)).toBe('patent');
    expect(underlined(doc, {})).toEqual({ from: 0, to: 4 });
  });
});
