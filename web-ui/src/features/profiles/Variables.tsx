import { FileSliders, Plus, Trash2, Undo2 } from 'lucide-react';
import { memo, useRef, useState } from 'react';
import { Button } from '../../ui/Button';
import { inputLook } from '../../ui/Field';
import { Panel } from '../../ui/Page';
import { Badge } from '../../ui/Status';
import { Empty } from '../../ui/states';
import { freshId } from '../../util/id';
import { useFilters } from '../../util/where';
import { textOf, type Value } from '../parameters/edits';
import { isChanged, type Row, TYPES, type VarType } from './rows';
import { TextMode } from './TextMode';
import type { ProfileDraft } from './useProfileDraft';

type VariablesProps = { draft: ProfileDraft; canEdit: boolean; errors: Record<string, string> };

/** The variables of a profile: as a table, or as one text. */
export function Variables({ draft, canEdit, errors }: VariablesProps) {
  const [search, change] = useFilters();
  const [toFocus, setFocus] = useState('');
  const isText = search.view === 'text';
  const wanted = (search.q ?? '').toLowerCase();
  const shown = draft.rows.filter(({ name, isNew }) => isNew || name.toLowerCase().includes(wanted));
  // The rows keep the same handlers, so that a key draws the one row again that it is typed into.
  const latest = useRef(draft);
  latest.current = draft;
  const [handlers] = useState<RowHandlers>(() => ({
    onRow: (key, part) => latest.current.setRow(key, part),
    onUndo: (key) => latest.current.undoRow(key),
  }));
  const add = () => {
    const key = freshId();
    draft.addRow(key);
    setFocus(key);
  };
  return (
    <Panel
      title="Variables"
      aside={
        <span className="flex flex-wrap items-center gap-2">
          {!isText && (
            <input
              type="search"
              aria-label="Search variables"
              placeholder="Search by name"
              className={`${inputLook} max-w-44`}
              value={search.q ?? ''}
              onChange={(event) => change({ q: event.target.value })}
            />
          )}
          <Button
            small
            onPress={() => {
              if (isText && draft.text?.problem === undefined) draft.forgetText();
              change({ view: isText ? undefined : 'text' });
            }}
          >
            {isText ? 'As a table' : 'As text'}
          </Button>
          {canEdit && !isText && (
            <Button small icon={Plus} onPress={add}>
              Add
            </Button>
          )}
        </span>
      }
    >
      {isText ? (
        <TextMode draft={draft} canEdit={canEdit} errors={errors} />
      ) : shown.length === 0 ? (
        <Empty icon={FileSliders} title={wanted ? 'No variable is called that' : 'No variables'}>
          {!wanted && 'The defaults of the catalog count.'}
        </Empty>
      ) : (
        <ul>
          {shown.map((row) => (
            <Variable
              key={row.key}
              row={row}
              before={draft.base.vars[row.name] as Value | undefined}
              isChanged={isChanged(row, draft.base.vars)}
              hasFocus={row.key === toFocus}
              error={draft.problems[row.key] ?? errors[row.name]}
              canEdit={canEdit}
              handlers={handlers}
            />
          ))}
        </ul>
      )}
      {draft.text?.problem && !isText && (
        <p role="alert" className="border-t border-line px-4 py-2 text-bad">
          The text cannot be read yet, so the table shows what it was before: {draft.text.problem}
        </p>
      )}
    </Panel>
  );
}

type RowHandlers = { onRow: (key: string, part: Partial<Row>) => void; onUndo: (key: string) => void };

type VariableProps = {
  row: Row;
  before: Value | undefined;
  isChanged: boolean;
  hasFocus: boolean;
  error: string | undefined;
  canEdit: boolean;
  handlers: RowHandlers;
};

/** One variable: its name, its type, and the field that its type asks for. */
const Variable = memo(function Variable({ row, before, isChanged, hasFocus, error, canEdit, handlers }: VariableProps) {
  const { key, name, type, text, isNew, isRemoved } = row;
  const called = name || 'new variable';
  const common = {
    'aria-label': `Value of ${called}`,
    'aria-describedby': `note-${key}`,
    'aria-invalid': error !== undefined,
    value: text,
    disabled: !canEdit || isRemoved,
  };
  const set = (event: { target: { value: string } }) => handlers.onRow(key, { text: event.target.value });
  return (
    <li
      className={`grid items-start gap-x-4 gap-y-1 border-t border-line px-4 py-1.5 [contain-intrinsic-size:auto_3.5rem] [content-visibility:auto] first:border-t-0 sm:grid-cols-[minmax(11rem,1fr)_7.5rem_minmax(12rem,1.4fr)_6.5rem] ${isChanged ? 'bg-tint' : ''}`}
    >
      <div className="flex min-w-0 flex-wrap items-center gap-x-2 pt-1">
        {isNew && canEdit ? (
          <input
            // biome-ignore lint/a11y/noAutofocus: whoever adds a variable types its name next
            autoFocus={hasFocus}
            aria-label="Name of the new variable"
            placeholder="NAME"
            spellCheck={false}
            className={`${inputLook} -mt-1`}
            value={name}
            onChange={(event) => handlers.onRow(key, { name: event.target.value.trim() })}
          />
        ) : (
          <span className={`font-medium break-all ${isRemoved ? 'line-through' : ''}`}>{name}</span>
        )}
        {isRemoved && <Badge tone="warn">Removed</Badge>}
      </div>
      <select
        aria-label={`Type of ${called}`}
        className={`${inputLook} pr-1`}
        value={type}
        disabled={!canEdit || isRemoved}
        onChange={(event) => handlers.onRow(key, { type: event.target.value as VarType })}
      >
        {TYPES.map(({ value, label }) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
      <div className="min-w-0">
        {type === 'boolean' ? (
          <select {...common} className={inputLook} onChange={set}>
            {text !== 'true' && text !== 'false' && <option value={text}>{text || 'Choose'}</option>}
            <option value="true">Yes (true)</option>
            <option value="false">No (false)</option>
          </select>
        ) : type === 'json' || text.includes('\n') ? (
          <textarea
            {...common}
            rows={Math.min(8, text.split('\n').length)}
            spellCheck={false}
            className={`${inputLook} h-auto py-1 font-mono text-sm`}
            onChange={set}
          />
        ) : (
          <input
            {...common}
            spellCheck={false}
            inputMode={type === 'number' ? 'decimal' : 'text'}
            className={inputLook}
            onChange={set}
          />
        )}
        <p
          id={`note-${key}`}
          className={`text-sm break-words ${error ? 'text-bad' : 'text-soft'} ${error || (isChanged && !isRemoved) ? '' : 'hidden'}`}
        >
          {error ??
            (before === undefined ? 'New' : `Was ${typeof before === 'object' ? 'other JSON' : textOf(before)}`)}
        </p>
      </div>
      <div className="flex justify-end pt-0.5">
        {canEdit &&
          (isChanged ? (
            <Button small look="quiet" icon={Undo2} aria-label={`Undo ${called}`} onPress={() => handlers.onUndo(key)}>
              Undo
            </Button>
          ) : (
            <Button
              small
              look="quiet"
              icon={Trash2}
              aria-label={`Remove ${called}`}
              onPress={() => handlers.onRow(key, { isRemoved: true })}
            />
          ))}
      </div>
    </li>
  );
});
