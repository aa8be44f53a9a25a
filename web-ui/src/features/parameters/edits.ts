/** What a parameter may hold. */
export type Value = string | number | boolean | null | object;

/** One value that a person has typed, and what it was typed over. */
export type Edit = { text: string; base: Value | undefined };
export type Edits = Record<string, Edit>;

export type Read = { value: Value } | { problem: string };

/** A value as it is typed; nothing where there is none. */
export function textOf(value: Value | undefined): string {
  if (value === undefined) return '';
  if (typeof value === 'string') return value;
  return typeof value === 'object' ? JSON.stringify(value, null, 2) : String(value);
}

/** Reads what was typed as a value of a type. Whether the value is a good one is the server's to say. */
export function read(type: string, text: string): Read {
  const trimmed = text.trim();
  switch (type) {
    case 'bool':
      return trimmed === 'true' || trimmed === 'false'
        ? { value: trimmed === 'true' }
        : { problem: 'Choose yes or no' };
    case 'int': {
      const number = Number(trimmed);
      if (!/^[+-]?\d+$/.test(trimmed)) return { problem: 'Type a whole number' };
      // Beyond this, a browser would send another number than was typed.
      return Number.isSafeInteger(number) ? { value: number } : { problem: 'Type a smaller whole number' };
    }
    case 'number': {
      const number = Number(trimmed);
      return trimmed !== '' && Number.isFinite(number) ? { value: number } : { problem: 'Type a number' };
    }
    case 'json':
      try {
        return { value: JSON.parse(text) };
      } catch {
        return { problem: 'This is not JSON' };
      }
    default:
      return { value: text };
  }
}

/** True where two values are the same, however their keys are ordered. */
export function same(one: Value | undefined, other: Value | undefined): boolean {
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return one === other;
  const [a, b] = [one as Record<string, Value>, other as Record<string, Value>];
  const keys = Object.keys(a);
  return (
    Array.isArray(one) === Array.isArray(other) &&
    keys.length === Object.keys(b).length &&
    keys.every((key) => key in b && same(a[key], b[key]))
  );
}

export type Change = {
  name: string;
  /** What runs now. */
  current: Value | undefined;
  proposed: Value;
  /** What the person saw while typing, where somebody has changed it since. */
  seen?: Value;
};
export type Parameters = Record<string, { type: string; value?: unknown }>;

/**
 * What saving the edits would change in what runs now. Typing is never lost: where somebody else has changed a value
 * meanwhile, the change says what had been seen; where they have set the same value, there is nothing left to change.
 */
export function changesOf(
  parameters: Parameters,
  edits: Edits,
): { changes: Change[]; problems: Record<string, string> } {
  const changes: Change[] = [];
  const problems: Record<string, string> = {};
  for (const [name, edit] of Object.entries(edits)) {
    const parameter = parameters[name];
    if (!parameter) {
      problems[name] = 'The catalog has no such parameter any more';
      continue;
    }
    const typed = read(parameter.type, edit.text);
    const current = parameter.value as Value | undefined;
    if ('problem' in typed) problems[name] = typed.problem;
    else if (!same(typed.value, current)) {
      changes.push({
        name,
        current,
        proposed: typed.value,
        ...(same(edit.base, current) ? {} : { seen: edit.base ?? null }),
      });
    }
  }
  return { changes, problems };
}

/** The edits after the person has seen what runs now: what they typed stays, over the present values. */
export function rebased(parameters: Parameters, edits: Edits): Edits {
  const { changes } = changesOf(parameters, edits);
  const kept = Object.entries(edits).flatMap(([name, edit]): [string, Edit][] => {
    const change = changes.find((one) => one.name === name);
    const parameter = parameters[name];
    if (change) return [[name, { text: edit.text, base: change.current }]];
    return parameter && 'problem' in read(parameter.type, edit.text) ? [[name, edit]] : [];
  });
  return Object.fromEntries(kept);
}
