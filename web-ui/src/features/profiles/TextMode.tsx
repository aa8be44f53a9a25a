import { useId } from 'react';
import { inputLook, Select } from '../../ui/Field';
import { useFilters } from '../../util/where';
import { linesOf, varsOfLines } from './dotenv';
import type { ProfileDraft } from './useProfileDraft';
import { type Vars, varsOf } from './vars';

type Format = 'env' | 'json';

const FORMATS: Record<Format, { write: (vars: Vars) => string; read: typeof varsOf; hint: string }> = {
  env: {
    write: linesOf,
    read: varsOfLines,
    hint: 'One NAME=value on a line. Quotes make a text of what looks like a number, yes or no, or JSON.',
  },
  json: { write: (vars) => JSON.stringify(vars, null, 2), read: varsOf, hint: 'One JSON object.' },
};

type TextModeProps = { draft: ProfileDraft; canEdit: boolean; errors: Record<string, string> };

/** All variables as one text, to be written or pasted; what is missing in it is removed. */
export function TextMode({ draft, canEdit, errors }: TextModeProps) {
  const [search, change] = useFilters();
  const id = useId();
  const format: Format = search.type === 'json' ? 'json' : 'env';
  const { write, read, hint } = FORMATS[format];
  const text = draft.text?.text ?? write(draft.vars);
  const problem =
    draft.text?.problem ??
    ([...Object.entries(draft.problems), ...Object.entries(errors)]
      .map(([name, message]) => `${draft.rows.find(({ key }) => key === name)?.name ?? name}: ${message}`)
      .join('; ') ||
      undefined);
  return (
    <div className="flex flex-col gap-2 p-4">
      <div className="flex flex-wrap items-end justify-between gap-2">
        <label htmlFor={id} className="font-medium">
          All variables
        </label>
        <Select
          label="Format"
          hideLabel
          value={format}
          disabled={draft.text?.problem !== undefined}
          onChange={(event) => {
            draft.forgetText();
            change({ type: event.target.value === 'json' ? 'json' : undefined });
          }}
          choices={[
            { value: 'env', label: '.env lines' },
            { value: 'json', label: 'JSON' },
          ]}
        />
      </div>
      <textarea
        id={id}
        rows={Math.max(10, Math.min(28, text.split('\n').length + 1))}
        spellCheck={false}
        readOnly={!canEdit}
        aria-invalid={problem !== undefined}
        aria-describedby={`${id}-note`}
        className={`${inputLook} h-auto py-1.5 font-mono text-sm`}
        value={text}
        onChange={(event) => draft.write(event.target.value, read(event.target.value))}
      />
      <p id={`${id}-note`} className={`text-sm break-words ${problem ? 'text-bad' : 'text-soft'}`}>
        {problem ?? `${hint} What is not here is removed.`}
      </p>
    </div>
  );
}
