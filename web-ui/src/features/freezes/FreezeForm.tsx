import { useEffect, useState } from 'react';
import { addFreezeWindow, getFreezeWindow, updateFreezeWindow } from '../../api/gen/sdk.gen';
import type { FreezeSchedule, FreezeWindow } from '../../api/gen/types.gen';
import { fieldErrors, formError, problemOf } from '../../api/problem';
import { Button } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { Field, inputLook, Select, TextField } from '../../ui/Field';
import { FormError } from '../../ui/states';
import { useAct } from '../../util/act';
import type { EnvironmentPath } from './FreezeWindows';
import {
  DAYS,
  type Every,
  instantOf,
  inWords,
  localOf,
  ownZone,
  type Repeat,
  repeatOf,
  ruleOf,
  timeZones,
} from './schedule';

type Kind = FreezeSchedule['kind'];
type Wish = {
  name: string;
  banner: string;
  kind: Kind;
  startsAt: string;
  endsAt: string;
  zone: string;
  length: number;
  unit: number;
  repeat: Repeat;
  /** A rule that the fields cannot say, kept as text. */
  rule: string | undefined;
};

const UNITS = [
  { value: '1', label: 'minutes' },
  { value: '60', label: 'hours' },
  { value: '1440', label: 'days' },
];
const FIELDS = ['name', 'banner', 'starts_at', 'ends_at', 'rule', 'minutes', 'time_zone'];
const HOUR = 3_600_000;

function wishOf(window: FreezeWindow | undefined): Wish {
  const hour = new Date(Math.ceil((Date.now() + 1) / HOUR) * HOUR);
  const wish: Wish = {
    name: window?.name ?? '',
    banner: window?.banner ?? '',
    kind: window?.schedule.kind ?? 'once',
    startsAt: localOf(hour),
    endsAt: localOf(new Date(hour.getTime() + 12 * HOUR)),
    zone: ownZone(),
    length: 12,
    unit: 60,
    repeat: { every: 'WEEKLY', interval: 1, days: [], ends: { kind: 'never' } },
    rule: undefined,
  };
  const schedule = window?.schedule;
  if (schedule?.kind === 'once') {
    return { ...wish, startsAt: localOf(schedule.starts_at), endsAt: localOf(schedule.ends_at) };
  }
  if (schedule?.kind === 'recurring') {
    const repeat = repeatOf(schedule.rule);
    const unit = [1440, 60, 1].find((size) => schedule.minutes % size === 0) ?? 1;
    return {
      ...wish,
      startsAt: schedule.starts_at,
      zone: schedule.time_zone,
      length: schedule.minutes / unit,
      unit,
      ...(repeat ? { repeat } : { rule: schedule.rule }),
    };
  }
  return wish;
}

const scheduleOf = (wish: Wish): FreezeSchedule =>
  wish.kind === 'once'
    ? { kind: 'once', starts_at: instantOf(wish.startsAt), ends_at: instantOf(wish.endsAt) }
    : {
        kind: 'recurring',
        rule: wish.rule ?? ruleOf(wish.repeat),
        time_zone: wish.zone,
        starts_at: wish.startsAt,
        minutes: wish.length * wish.unit,
      };

type FreezeFormProps = { path: EnvironmentPath; window: FreezeWindow | undefined; onClose: () => void };

/** Makes a freeze window, or changes one. */
export function FreezeForm({ path, window, onClose }: FreezeFormProps) {
  const [wish, setWish] = useState(() => wishOf(window));
  const [etag, setEtag] = useState('');
  const [overtaken, setOvertaken] = useState<FreezeWindow | undefined>();
  const set = (part: Partial<Wish>) => setWish({ ...wish, ...part });
  const id = window?.id;
  const look = async () => {
    if (!id) return undefined;
    const { data, response } = await getFreezeWindow({ path: { ...path, windowId: id } });
    setEtag(response.headers.get('etag') ?? '');
    return data;
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: what is replaced is what was there when the form opened
  useEffect(() => {
    look().catch(() => undefined);
  }, [id]);
  const save = useAct(
    async () => {
      const body = { name: wish.name, banner: wish.banner, schedule: scheduleOf(wish) };
      if (!id) return addFreezeWindow({ path, body });
      return updateFreezeWindow({ path: { ...path, windowId: id }, body, headers: { 'If-Match': etag } }).catch(
        async (error) => {
          if ([409, 412].includes(problemOf(error).status)) setOvertaken(await look());
          throw error;
        },
      );
    },
    { done: 'Freeze window saved', quiet: true, onDone: onClose },
  );
  const all = { ...fieldErrors(save.error), ...fieldErrors(save.error, '/schedule') };
  const isShown = formError(
    save.error,
    FIELDS.flatMap((field) => [field, `schedule.${field}`]),
  );
  const schedule = scheduleOf(wish);
  const hasTime = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}$/.test(wish.startsAt);
  const canSay = wish.kind === 'once' ? hasTime && wish.endsAt !== '' : hasTime && schedule.kind === 'recurring';
  return (
    <Dialog
      title={window ? `Edit ${window.name}` : 'Add a freeze window'}
      isOpen
      onClose={onClose}
      footer={
        <>
          <Button onPress={onClose}>Cancel</Button>
          <Button look="primary" isPending={save.isPending} onPress={() => save.mutate()}>
            Save
          </Button>
        </>
      }
    >
      <div className="flex flex-col gap-1">
        {overtaken ? (
          <p role="alert" className="rounded-md bg-warn-tint px-3 py-2 text-warn">
            Somebody changed it while you typed: {overtaken.name}. {inWords(overtaken.schedule)}. Nothing you typed is
            lost; saving again replaces that.
          </p>
        ) : (
          <FormError error={isShown} />
        )}
        <TextField
          label="Name"
          required
          hint="For example Weekend"
          value={wish.name}
          error={all.name}
          onChange={(event) => set({ name: event.target.value })}
        />
        <TextField
          label="Text of the banner"
          hint="What people are told while it lasts; optional"
          value={wish.banner}
          error={all.banner}
          onChange={(event) => set({ banner: event.target.value })}
        />
        <fieldset className="flex flex-wrap gap-4 pb-2">
          <legend className="pb-1 font-medium">When</legend>
          {(
            [
              ['once', 'Once'],
              ['recurring', 'Again and again'],
            ] as const
          ).map(([kind, label]) => (
            <label key={kind} className="flex items-center gap-1.5">
              <input
                type="radio"
                name="kind"
                className="accent-accent"
                checked={wish.kind === kind}
                onChange={() => set({ kind })}
              />
              {label}
            </label>
          ))}
        </fieldset>
        <div className="grid gap-x-3 sm:grid-cols-2">
          <TextField
            label={wish.kind === 'once' ? 'From' : 'First from'}
            type="datetime-local"
            hint={wish.kind === 'once' ? `By the clock here, ${ownZone()}` : 'By the clock of the time zone'}
            value={wish.startsAt}
            error={all.starts_at}
            onChange={(event) => set({ startsAt: event.target.value })}
          />
          {wish.kind === 'once' ? (
            <TextField
              label="To"
              type="datetime-local"
              value={wish.endsAt}
              error={all.ends_at}
              onChange={(event) => set({ endsAt: event.target.value })}
            />
          ) : (
            <TextField
              label="Time zone"
              list="time-zones"
              value={wish.zone}
              error={all.time_zone}
              onChange={(event) => set({ zone: event.target.value })}
            />
          )}
        </div>
        {wish.kind === 'recurring' && <Recurring wish={wish} errors={all} set={set} />}
        {canSay && (
          <p className="rounded-md bg-sunken px-3 py-2" aria-live="polite">
            {inWords(schedule)}.
          </p>
        )}
      </div>
    </Dialog>
  );
}

type RecurringProps = { wish: Wish; errors: Record<string, string>; set: (part: Partial<Wish>) => void };

function Recurring({ wish, errors, set }: RecurringProps) {
  const { repeat } = wish;
  const change = (part: Partial<Repeat>) => set({ repeat: { ...repeat, ...part } });
  return (
    <>
      <datalist id="time-zones">
        {timeZones().map((zone) => (
          <option key={zone} value={zone} />
        ))}
      </datalist>
      <Field label="Lasts" error={errors.minutes}>
        {(ids) => (
          <span className="flex gap-2">
            <input
              {...ids}
              type="number"
              min={1}
              className={`${inputLook} max-w-28`}
              value={wish.length}
              onChange={(event) => set({ length: Math.trunc(Number(event.target.value)) })}
            />
            <span className="w-32">
              <Select
                label="Unit of the length"
                hideLabel
                value={String(wish.unit)}
                onChange={(event) => set({ unit: Number(event.target.value) })}
                choices={UNITS}
              />
            </span>
          </span>
        )}
      </Field>
      {wish.rule !== undefined ? (
        <TextField
          label="Rule"
          hint="A recurrence by RFC 5545, daily at most"
          spellCheck={false}
          value={wish.rule}
          error={errors.rule}
          onChange={(event) => set({ rule: event.target.value })}
        />
      ) : (
        <>
          <Field label="Every" error={errors.rule}>
            {(ids) => (
              <span className="flex gap-2">
                <input
                  {...ids}
                  type="number"
                  min={1}
                  className={`${inputLook} max-w-28`}
                  value={repeat.interval}
                  onChange={(event) => change({ interval: Math.trunc(Number(event.target.value)) })}
                />
                <span className="w-32">
                  <Select
                    label="Unit of the repetition"
                    hideLabel
                    value={repeat.every}
                    onChange={(event) => change({ every: event.target.value as Every })}
                    choices={[
                      { value: 'DAILY', label: 'days' },
                      { value: 'WEEKLY', label: 'weeks' },
                      { value: 'MONTHLY', label: 'months' },
                    ]}
                  />
                </span>
              </span>
            )}
          </Field>
          {repeat.every === 'WEEKLY' && (
            <fieldset className="flex flex-wrap gap-x-4 gap-y-1 pb-3">
              <legend className="pb-1 font-medium">On</legend>
              {DAYS.map(([day, name]) => (
                <label key={day} className="flex items-center gap-1.5">
                  <input
                    type="checkbox"
                    className="size-4 accent-accent"
                    checked={repeat.days.includes(day)}
                    onChange={(event) =>
                      change({
                        days: event.target.checked ? [...repeat.days, day] : repeat.days.filter((one) => one !== day),
                      })
                    }
                  />
                  {name}
                </label>
              ))}
            </fieldset>
          )}
          <div className="grid gap-x-3 pb-3 sm:grid-cols-2">
            <Select
              label="Ends"
              value={repeat.ends.kind}
              onChange={(event) => {
                const kind = event.target.value as Repeat['ends']['kind'];
                const date = wish.startsAt.slice(0, 10);
                change({ ends: kind === 'never' ? { kind } : kind === 'count' ? { kind, count: 2 } : { kind, date } });
              }}
              choices={[
                { value: 'never', label: 'Never' },
                { value: 'count', label: 'After a number of times' },
                { value: 'until', label: 'With a day' },
              ]}
            />
            {repeat.ends.kind === 'count' && (
              <TextField
                label="Times"
                type="number"
                min={1}
                value={repeat.ends.count}
                onChange={(event) =>
                  change({ ends: { kind: 'count', count: Math.max(1, Math.trunc(Number(event.target.value))) } })
                }
              />
            )}
            {repeat.ends.kind === 'until' && (
              <TextField
                label="Last day"
                type="date"
                value={repeat.ends.date}
                onChange={(event) => change({ ends: { kind: 'until', date: event.target.value } })}
              />
            )}
          </div>
        </>
      )}
      <label className="flex items-center gap-1.5 pb-3">
        <input
          type="checkbox"
          className="size-4 accent-accent"
          checked={wish.rule !== undefined}
          onChange={(event) =>
            set(
              event.target.checked
                ? { rule: ruleOf(repeat) }
                : { rule: undefined, repeat: repeatOf(wish.rule ?? '') ?? repeat },
            )
          }
        />
        Write the rule myself
      </label>
    </>
  );
}
