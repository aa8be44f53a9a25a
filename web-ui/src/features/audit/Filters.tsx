import { X } from 'lucide-react';
import { useId } from 'react';
import type { AuditEvent } from '../../api/gen/types.gen';
import type { Search } from '../../routes';
import { Button } from '../../ui/Button';
import { inputLook } from '../../ui/Field';
import { actionName, kindName } from './kinds';
import { EVERYTHING, midnight } from './search';
import { type Choice, type Group, useChoices } from './useChoices';

type Change = (part: Partial<Search>) => void;
type FiltersProps = { app: string; search: Search; change: Change; shown: AuditEvent[] };

/** What the log is searched for: choices, and beside them what was chosen, each with the way out. */
export function Filters({ app, search, change, shown }: FiltersProps) {
  const { what, who, about } = useChoices(app);
  const set = (part: Partial<Search>) => change({ ...part, page: undefined });
  const chosen = chips(search, who, about, shown);
  const kinds = new Set(what.flatMap(({ choices }) => choices.slice(0, 1).map(({ value }) => value)));
  return (
    <section aria-label="Filters" className="flex flex-col gap-2 border-b border-line px-4 py-3">
      <div className="grid gap-2 [grid-template-columns:repeat(auto-fit,minmax(8rem,1fr))]">
        <Picker
          label="Event"
          any="Any event"
          groups={what}
          value={search.action ?? search.type ?? ''}
          onPick={(value) =>
            kinds.has(value)
              ? set({ type: value, action: undefined, q: undefined })
              : set({ type: undefined, action: value || undefined })
          }
        />
        <Picker
          label="By"
          any="Anybody"
          groups={[{ label: 'By', choices: who }]}
          value={search.by ?? ''}
          onPick={(by) => set({ by })}
        />
        <Picker
          label="About"
          any="Anything in the app"
          groups={about}
          value={search.q ?? ''}
          onPick={(q) => set({ q, type: undefined })}
        />
        <Day label="From" value={search.since} max={search.till} onPick={(since) => set({ since })} />
        <Day label="Until" value={search.till} min={search.since} onPick={(till) => set({ till })} />
      </div>
      {chosen.length > 0 && (
        <ul aria-label="Chosen filters" className="flex flex-wrap items-center gap-1.5">
          {chosen.map(({ key, text }) => (
            <li key={key} className="flex max-w-full items-center rounded-full bg-tint pl-2.5 text-sm text-accent">
              <span className="truncate">{text}</span>
              <button
                type="button"
                aria-label={`Remove the filter ${text}`}
                onClick={() => set({ [key]: undefined })}
                className="inline-flex size-7 shrink-0 items-center justify-center rounded-full hover:bg-hover"
              >
                <X aria-hidden size={12} />
              </button>
            </li>
          ))}
          <li>
            <Button small look="quiet" onPress={() => set(EVERYTHING)}>
              Clear all
            </Button>
          </li>
        </ul>
      )}
    </section>
  );
}

const day = new Intl.DateTimeFormat('en', { dateStyle: 'medium' });

/** What was chosen, in words, by its key in the address. */
function chips(search: Search, who: Choice[], about: Group[], shown: AuditEvent[]) {
  const person = who.find(({ value }) => value === search.by)?.label;
  const author = shown.find(({ actor_id }) => actor_id === search.by)?.actor;
  const thing = about.flatMap(({ choices }) => choices).find(({ value }) => value === search.q)?.label;
  const named = shown.find(({ entity_id }) => entity_id === search.q)?.about?.name;
  const [since, till] = [midnight(search.since), midnight(search.till)];
  const all: { key: keyof Search; text: string | undefined }[] = [
    { key: 'action', text: search.action && actionName(search.action) },
    { key: 'type', text: search.action || search.q ? undefined : search.type && kindName(search.type) },
    { key: 'by', text: search.by && `By ${person ?? author ?? 'somebody who is no member now'}` },
    { key: 'q', text: search.q && `About ${thing ?? named ?? 'one thing'}` },
    { key: 'since', text: since && `From ${day.format(since)}` },
    { key: 'till', text: till && `Until ${day.format(till)}` },
  ];
  return all.flatMap(({ key, text }) => (text ? [{ key, text }] : []));
}

type PickerProps = {
  label: string;
  any: string;
  groups: Group[];
  value: string;
  onPick: (value: string) => void;
};

/** One of grouped choices; what was chosen elsewhere, and is not among them, is kept. */
function Picker({ label, any, groups, value, onPick }: PickerProps) {
  const id = useId();
  const isKnown = groups.some(({ choices }) => choices.some((choice) => choice.value === value));
  return (
    <div className="flex min-w-0 flex-col gap-1">
      <label htmlFor={id} className="text-sm font-medium">
        {label}
      </label>
      <select id={id} value={value} onChange={(event) => onPick(event.target.value)} className={`${inputLook} pr-1`}>
        <option value="">{any}</option>
        {value !== '' && !isKnown && <option value={value}>Chosen below</option>}
        {groups.map((group) => (
          <optgroup key={group.label} label={group.label}>
            {group.choices.map((choice) => (
              <option key={choice.value} value={choice.value}>
                {choice.label}
              </option>
            ))}
          </optgroup>
        ))}
      </select>
    </div>
  );
}

type DayProps = {
  label: string;
  value: string | undefined;
  min?: string | undefined;
  max?: string | undefined;
  onPick: (day: string) => void;
};

function Day({ label, value, min, max, onPick }: DayProps) {
  const id = useId();
  return (
    <div className="flex min-w-0 flex-col gap-1">
      <label htmlFor={id} className="text-sm font-medium">
        {label}
      </label>
      <input
        id={id}
        type="date"
        value={value ?? ''}
        min={min}
        max={max}
        onChange={(event) => onPick(event.target.value)}
        className={inputLook}
      />
    </div>
  );
}
