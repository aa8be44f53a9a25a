import { FileClock, RotateCcw, TriangleAlert, Undo2 } from 'lucide-react';
import { memo } from 'react';
import type { EnvironmentParameter, ParameterValue } from '../../api/gen/types.gen';
import { Button } from '../../ui/Button';
import { inputLook } from '../../ui/Field';
import { Badge } from '../../ui/Status';
import { boundsOf } from './bounds';
import { read, same, textOf, type Value } from './edits';

type ParameterProps = {
  name: string;
  parameter: ParameterValue;
  /** What the catalog says of it. */
  about: EnvironmentParameter | undefined;
  text: string | undefined;
  error: string | undefined;
  canSave: boolean;
  canReset: boolean;
  handlers: RowHandlers;
};

/** What is done about the parameter of a name. They stay the same ones from one drawing to the next. */
export type RowHandlers = {
  onText: (name: string, text: string) => void;
  onUndo: (name: string) => void;
  onReset: (name: string) => void;
  onHistory: (name: string) => void;
};

/** One parameter: what it is, the field for its value, and what can be done about it. There may be thousands. */
export const Parameter = memo(function Parameter({
  name,
  parameter,
  about,
  text,
  error,
  canSave,
  canReset,
  handlers,
}: ParameterProps) {
  const value = parameter.value as Value | undefined;
  const isOwn = about?.overridden === true;
  const bounds = about ? boundsOf(about) : '';
  const choices = about?.allowed_values?.map((one) => textOf(one as Value));
  const shown = text ?? textOf(value);
  const typed = read(parameter.type, shown);
  const isChanged = text !== undefined && !('value' in typed && same(typed.value, value));
  const common = {
    id: `value-${name}`,
    value: shown,
    disabled: !canSave,
    'aria-invalid': error !== undefined,
    'aria-describedby': `note-${name}`,
  };
  return (
    <li
      className={`grid items-start [contain-intrinsic-size:auto_4.25rem] [content-visibility:auto] gap-x-4 gap-y-1 border-t border-line px-4 py-1.5 first:border-t-0 sm:grid-cols-[minmax(13rem,1fr)_minmax(12rem,1fr)_9.5rem] ${isChanged ? 'bg-tint' : ''}`}
    >
      <div className="min-w-0 pt-1">
        <label htmlFor={common.id} className="font-medium break-all">
          {name}
        </label>
        {about?.description && <p className="text-sm break-words">{about.description}</p>}
        <p className="flex flex-wrap items-center gap-x-1.5 text-sm text-soft">
          {[
            parameter.type,
            isOwn ? '' : 'default',
            isOwn && about?.default !== undefined && about.default !== null
              ? `default ${textOf(about.default as Value)}`
              : '',
            bounds,
            about?.owner ? `owner ${about.owner}` : '',
          ]
            .filter(Boolean)
            .join(', ')}
          {isOwn && <Badge tone="info">Set here</Badge>}
          {about?.critical && (
            <Badge tone="bad" icon={TriangleAlert}>
              Critical
            </Badge>
          )}
          {about?.deprecated && <Badge tone="warn">Deprecated</Badge>}
          {!parameter.hot_reloadable && <Badge tone="warn">At restart</Badge>}
        </p>
      </div>
      <div className="min-w-0">
        {choices && parameter.type !== 'json' ? (
          <select {...common} className={inputLook} onChange={(event) => handlers.onText(name, event.target.value)}>
            {!choices.includes(shown) && <option value={shown}>{shown || 'Not set'}</option>}
            {choices.map((one) => (
              <option key={one} value={one}>
                {one}
              </option>
            ))}
          </select>
        ) : parameter.type === 'bool' ? (
          <select {...common} className={inputLook} onChange={(event) => handlers.onText(name, event.target.value)}>
            {shown === '' && <option value="">Not set</option>}
            <option value="true">Yes (true)</option>
            <option value="false">No (false)</option>
          </select>
        ) : parameter.type === 'json' ? (
          <textarea
            {...common}
            rows={Math.min(8, shown.split('\n').length)}
            className={`${inputLook} h-auto py-1 font-mono text-sm`}
            onChange={(event) => handlers.onText(name, event.target.value)}
          />
        ) : (
          <input
            {...common}
            className={inputLook}
            spellCheck={false}
            inputMode={parameter.type === 'int' ? 'numeric' : parameter.type === 'number' ? 'decimal' : 'text'}
            onChange={(event) => handlers.onText(name, event.target.value)}
          />
        )}
        <p id={`note-${name}`} className={`min-h-[1.125rem] text-sm ${error ? 'text-bad' : 'text-soft'}`}>
          {error ??
            (isChanged
              ? `Runs with ${value === undefined ? 'no value' : typeof value === 'object' ? 'another value' : textOf(value)}`
              : '')}
        </p>
      </div>
      <div className="flex justify-end gap-1 pt-0.5">
        {isChanged ? (
          <Button small look="quiet" icon={Undo2} aria-label={`Undo ${name}`} onPress={() => handlers.onUndo(name)}>
            Undo
          </Button>
        ) : (
          canReset &&
          isOwn && (
            <Button
              small
              look="quiet"
              icon={RotateCcw}
              aria-label={`To default: ${name}`}
              onPress={() => handlers.onReset(name)}
            >
              To default
            </Button>
          )
        )}
        <Button
          small
          look="quiet"
          icon={FileClock}
          aria-label={`History of ${name}`}
          onPress={() => handlers.onHistory(name)}
        />
      </div>
    </li>
  );
});
