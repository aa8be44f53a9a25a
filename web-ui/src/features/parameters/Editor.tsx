import { useBlocker } from '@tanstack/react-router';
import { SlidersHorizontal } from 'lucide-react';
import { useMemo, useRef, useState } from 'react';
import { deleteConfigValue, saveConfig, submitDraft } from '../../api/gen/sdk.gen';
import type { Environment, EnvironmentCatalog, EnvironmentConfig, ParameterValue } from '../../api/gen/types.gen';
import { fieldErrors, formError, problemOf } from '../../api/problem';
import { Button } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { inputLook, TextArea } from '../../ui/Field';
import { Panel } from '../../ui/Page';
import { words } from '../../ui/Status';
import { Empty, FormError } from '../../ui/states';
import { useAct } from '../../util/act';
import { useFilters } from '../../util/where';
import { clock } from '../freezes/schedule';
import { useFreeze } from '../freezes/useFreeze';
import { changesOf, type Edits, rebased, same, textOf, type Value } from './edits';
import { Parameter, type RowHandlers } from './Parameter';
import { ToDefault } from './ToDefault';
import { ValueDiff } from './ValueDiff';
import { ValueHistory } from './ValueHistory';

type Path = { appId: string; envId: string };
type EditorProps = {
  path: Path;
  stage: Environment | undefined;
  config: EnvironmentConfig;
  /** What the catalog says; nothing where it cannot be read. */
  catalog: EnvironmentCatalog | undefined;
  onStale: () => unknown;
};

/** The values of an environment, changed as many as one likes and saved together. */
export function Editor({ path, stage, config, catalog, onStale }: EditorProps) {
  const [search, change] = useFilters();
  const [edits, setEdits] = useState<Edits>({});
  const [isReviewing, review] = useState(false);
  const [asked, ask] = useState<string | undefined>();
  const [toReset, setReset] = useState<string | undefined>();
  const [reason, setReason] = useState('');
  const freeze = useFreeze(path.appId, stage);
  const [about, parameters] = useMemo(() => {
    const about = new Map(catalog?.parameters.map((parameter) => [parameter.name, parameter]));
    // What the catalog declares and has no value yet can be given one.
    const parameters: Record<string, ParameterValue> = { ...config.parameters };
    for (const { name, type, hot_reloadable } of about.values()) {
      parameters[name] ??= { type, hot_reloadable, value: undefined };
    }
    return [about, parameters] as const;
  }, [catalog, config.parameters]);
  const canSave = stage?.allowed_actions.includes('save_parameters') ?? false;
  const { changes, problems } = changesOf(parameters, edits);
  const body = {
    base_version: config.config_version,
    values: Object.fromEntries(changes.map(({ name, proposed }) => [name, proposed])),
  };
  const finish = () => {
    setEdits({});
    setReason('');
    review(false);
  };
  const recompute = (error: unknown) => {
    if (['stale_base', 'stale_version'].includes(problemOf(error).code)) onStale();
  };
  const save = useAct(
    () =>
      saveConfig({ path, body: { ...body, ...freeze.body, reason: reason || null } }).catch((error) => {
        recompute(error);
        throw error;
      }),
    { done: ({ data }) => `Saved; version ${data?.config_version} runs`, onDone: finish, quiet: true },
  );
  const draft = useAct(
    () =>
      submitDraft({ path, body: { ...body, reason } }).catch((error) => {
        recompute(error);
        throw error;
      }),
    { done: 'Submitted; an approver was told', onDone: finish, quiet: true },
  );
  const reset = useAct((name: string) => deleteConfigValue({ path: { ...path, name } }), {
    done: 'Back to the default of the catalog',
  });
  const refused = draft.error ?? save.error;
  const errors = { ...fieldErrors(save.error, '/values'), ...fieldErrors(draft.error, '/values'), ...problems };
  // The catalog says which are critical; what it says too late, the server says when saving.
  const refusedNames = (problemOf(save.error).details as { parameters?: string[] } | undefined)?.parameters ?? [];
  const isRefused = problemOf(save.error).code === 'approval_required';
  const names = changes
    .map(({ name }) => name)
    .filter((name) => about.get(name)?.critical || (isRefused && refusedNames.includes(name)));
  const critical = isRefused || names.length > 0;
  useBlocker({
    shouldBlockFn: ({ current, next }) =>
      changes.length > 0 && current.pathname !== next.pathname && !window.confirm('Leave, and lose what you typed?'),
    enableBeforeUnload: changes.length > 0,
  });
  const wanted = (search.q ?? '').toLowerCase();
  const shown = Object.entries(parameters)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .filter(([name]) => name.toLowerCase().includes(wanted))
    .filter(([name]) => search.view !== 'own' || about.get(name)?.overridden === true);
  const groupOf = (name: string) => about.get(name)?.group ?? '';
  const groups = new Map<string, typeof shown>();
  for (const one of shown) groups.set(groupOf(one[0]), (groups.get(groupOf(one[0])) ?? []).concat([one]));
  const set = (name: string, text: string) => {
    const value = parameters[name]?.value as Value | undefined;
    setEdits(({ [name]: before, ...others }) => {
      const base = before ? before.base : value;
      return text === textOf(base) && same(base, value) ? others : { ...others, [name]: { text, base } };
    });
    save.reset();
    draft.reset();
  };
  // The rows keep the same handlers, so that a key draws the one row again that it is typed into.
  const latest = useRef({ set, toDefault: (_: string) => {} });
  latest.current = { set, toDefault: (name) => (stage?.freeze ? setReset(name) : reset.mutate(name)) };
  const [handlers] = useState<RowHandlers>(() => ({
    onText: (name, text) => latest.current.set(name, text),
    onUndo: (name) => setEdits(({ [name]: _, ...others }) => others),
    onReset: (name) => latest.current.toDefault(name),
    onHistory: ask,
  }));
  const overtaken = changes.filter(({ seen }) => seen !== undefined).length;
  return (
    <div className="flex flex-col gap-3">
      <div className="flex flex-wrap items-center gap-3">
        <input
          type="search"
          aria-label="Search parameters"
          placeholder="Search by name"
          className={`${inputLook} max-w-64`}
          value={search.q ?? ''}
          onChange={(event) => change({ q: event.target.value })}
        />
        <label className="flex items-center gap-1.5">
          <input
            type="checkbox"
            className="size-4 accent-accent"
            checked={search.view === 'own'}
            onChange={(event) => change({ view: event.target.checked ? 'own' : undefined })}
          />
          Set here only
        </label>
        <span className="text-sm text-soft">
          {shown.length} of {Object.keys(parameters).length}
        </span>
      </div>
      {shown.length === 0 && (
        <Panel>
          <Empty icon={SlidersHorizontal} title="No parameter is called that" />
        </Panel>
      )}
      {[...groups.keys()].sort().map((group) => (
        <Panel key={group} title={group ? words(group) : 'Others'}>
          <ul>
            {groups.get(group)?.map(([name, parameter]) => (
              <Parameter
                key={name}
                name={name}
                parameter={parameter}
                about={about.get(name)}
                text={edits[name]?.text}
                error={errors[name]}
                canSave={canSave}
                canReset={canSave && !freeze.isHeld}
                handlers={handlers}
              />
            ))}
          </ul>
        </Panel>
      ))}
      {!canSave && (
        <p className="text-soft">You read these values; reviewers, config managers and admins change them.</p>
      )}
      {Object.keys(edits).length > 0 && (
        <div className="sticky bottom-3 z-10 flex flex-wrap items-center gap-3 rounded-lg border border-line bg-raised px-4 py-2.5 shadow-float">
          <span className="flex-1" role="status">
            <b className="font-semibold">
              {changes.length} {changes.length === 1 ? 'change' : 'changes'}
            </b>
            {Object.keys(problems).length > 0 && `, ${Object.keys(problems).length} to correct`}
            {overtaken > 0 && `, ${overtaken} changed by somebody else meanwhile`}
            {freeze.isHeld && `. Frozen: nothing is saved until ${clock(stage?.freeze?.ends_at ?? '')}`}
          </span>
          <Button onPress={() => setEdits({})}>Discard</Button>
          <Button
            look="primary"
            isDisabled={changes.length === 0 || Object.keys(problems).length > 0}
            onPress={() => review(true)}
          >
            Review and save
          </Button>
        </div>
      )}
      {toReset && stage && <ToDefault path={path} stage={stage} name={toReset} onClose={() => setReset(undefined)} />}
      {asked && <ValueHistory path={path} name={asked} onClose={() => ask(undefined)} />}
      <Dialog
        title={`Save to ${stage?.name ?? ''}`}
        wide
        isOpen={isReviewing}
        onClose={() => review(false)}
        footer={
          <>
            <Button onPress={() => review(false)}>Back</Button>
            {critical ? (
              <Button
                look="primary"
                isDisabled={!reason.trim()}
                isPending={draft.isPending}
                onPress={() => draft.mutate()}
              >
                Submit for approval
              </Button>
            ) : (
              <Button
                look="primary"
                isDisabled={changes.length === 0 || !freeze.isReady}
                isPending={save.isPending}
                onPress={() => {
                  setEdits(rebased(parameters, edits));
                  save.mutate();
                }}
              >
                Save
              </Button>
            )}
          </>
        }
      >
        <div className="flex flex-col gap-3">
          {critical ? (
            <p role="status" className="rounded-md bg-warn-tint px-3 py-2 text-warn">
              Critical: {names.join(', ')}. Somebody else approves such a change; submit all of it with a reason.
            </p>
          ) : (
            <FormError
              error={formError(
                refused,
                changes.map(({ name }) => `values.${name}`).concat('reason', 'override_freeze'),
              )}
            />
          )}
          {critical && <FormError error={formError(draft.error, ['reason'])} />}
          {!critical && freeze.field(save.error)}
          <p>
            Version {config.config_version} runs. Workers take the change at their next safe boundary, at once where
            there is none.
          </p>
          <ValueDiff
            rows={changes.map(({ name, current, proposed, seen }) => ({
              name,
              before: current,
              after: proposed,
              ...(seen === undefined ? {} : { seen }),
              ...(names.includes(name) ? { note: 'critical' } : {}),
            }))}
          />
          {Object.entries(errors).map(([name, message]) => (
            <p key={name} role="alert" className="text-bad">
              {name}: {message}
            </p>
          ))}
          <TextArea
            label="Reason"
            hint={critical ? 'Approvers read it' : 'Optional; the history keeps it'}
            error={fieldErrors(refused).reason}
            value={reason}
            onChange={(event) => setReason(event.target.value)}
          />
        </div>
      </Dialog>
    </div>
  );
}
