import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { getAppOptions } from '../api/gen/@tanstack/react-query.gen';
import { getApp, updateSettings } from '../api/gen/sdk.gen';
import type { App, UpdateSettings } from '../api/gen/types.gen';
import { fieldErrors, formError, problemOf } from '../api/problem';
import { Button } from '../ui/Button';
import { Field, inputLook, TextArea, TextField } from '../ui/Field';
import { Page, Panel } from '../ui/Page';
import { FormError, Loaded } from '../ui/states';
import { useAct } from '../util/act';
import { useIdOf } from '../util/where';

export function Settings() {
  const appId = useIdOf('appId');
  const app = useQuery(getAppOptions({ path: { appId } }));
  return (
    <Page title="Settings" note="Freeze windows are on each environment's page; people and tokens are under Members.">
      <Panel>
        <Loaded query={app}>{(data) => <Form key={data.id} app={data} />}</Loaded>
      </Panel>
    </Page>
  );
}

type Wish = Omit<UpdateSettings, 'blocked_paths'> & { blocked: string };

const wishOf = ({ name, settings: { blocked_paths, ...settings } }: App): Wish => ({
  name,
  ...settings,
  blocked: blocked_paths.join('\n'),
});

const MEBI = 1024 * 1024;

function Form({ app }: { app: App }) {
  const [wish, setWish] = useState(() => wishOf(app));
  const [base, setBase] = useState(() => wishOf(app));
  const [etag, setEtag] = useState('');
  const [isOvertaken, setOvertaken] = useState(false);
  const canEdit = app.allowed_actions.includes('manage_settings');
  const set = (part: Partial<Wish>) => setWish({ ...wish, ...part });
  const look = async () => {
    const { data, response } = await getApp({ path: { appId: app.id } });
    setEtag(response.headers.get('etag') ?? '');
    return wishOf(data);
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: what is replaced is what was there when the page opened
  useEffect(() => {
    look().catch(() => undefined);
  }, []);
  const save = useAct(
    () => {
      const { blocked, ...settings } = wish;
      const paths = blocked.split('\n').map((line) => line.trim());
      return updateSettings({
        path: { appId: app.id },
        body: { ...settings, blocked_paths: paths.filter((line) => line !== '') },
        headers: { 'If-Match': etag },
      }).catch(async (error) => {
        if ([409, 412].includes(problemOf(error).status)) {
          setBase(await look());
          setOvertaken(true);
        }
        throw error;
      });
    },
    {
      done: 'Settings saved',
      quiet: true,
      onDone: ({ data, response }) => {
        setOvertaken(false);
        setEtag(response?.headers.get('etag') ?? '');
        if (data) {
          setWish(wishOf(data));
          setBase(wishOf(data));
        }
      },
    },
  );
  const errors = fieldErrors(save.error);
  const blockedErrors = Object.entries(errors).filter(([field]) => field.startsWith('blocked_paths'));
  const isChanged = JSON.stringify(wish) !== JSON.stringify(base);
  const disabled = !canEdit;
  const choice = (label: string, key: 'baseline_mode' | 'commit_mode_default', choices: [string, string][]) => (
    <Field label={label} error={errors[key]}>
      {(ids) => (
        <select
          {...ids}
          className={inputLook}
          disabled={disabled}
          value={wish[key]}
          onChange={(event) => set({ [key]: event.target.value } as Partial<Wish>)}
        >
          {choices.map(([value, text]) => (
            <option key={value} value={value}>
              {text}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
  return (
    <form
      className="flex max-w-xl flex-col gap-1 p-4"
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      {isOvertaken ? (
        <p role="alert" className="rounded-md bg-warn-tint px-3 py-2 text-warn">
          Somebody changed the settings meanwhile. What you typed is still here; saving again replaces theirs.
        </p>
      ) : (
        <FormError
          error={formError(save.error, [
            'name',
            'integration_branch',
            'baseline_mode',
            'commit_mode_default',
            'file_size_limit_bytes',
            'required_approval_count',
            ...blockedErrors.map(([field]) => field),
          ])}
        />
      )}
      <TextField
        label="Name"
        disabled={disabled}
        value={wish.name}
        error={errors.name}
        onChange={(event) => set({ name: event.target.value })}
      />
      <TextField
        label="Integration branch"
        hint="Published releases move it"
        disabled={disabled}
        value={wish.integration_branch}
        error={errors.integration_branch}
        onChange={(event) => set({ integration_branch: event.target.value })}
      />
      {choice('New workspaces start from', 'baseline_mode', [
        ['integration_head', 'The head of the integration branch'],
        ['canonical_env_release', 'The release that the canonical environment runs'],
      ])}
      {choice('Commits of workspaces', 'commit_mode_default', [
        ['submit_commit', 'One when submitting'],
        ['manual_checkpoint', 'At each checkpoint that the author makes'],
      ])}
      <TextField
        label="Approvals that a changeset needs"
        type="number"
        min={0}
        disabled={disabled}
        value={wish.required_approval_count}
        error={errors.required_approval_count}
        onChange={(event) => set({ required_approval_count: Math.trunc(Number(event.target.value)) })}
      />
      <TextField
        label="Largest file, in bytes"
        hint={`${(wish.file_size_limit_bytes / MEBI).toFixed(2)} MiB`}
        type="number"
        min={0}
        disabled={disabled}
        value={wish.file_size_limit_bytes}
        error={errors.file_size_limit_bytes}
        onChange={(event) => set({ file_size_limit_bytes: Math.trunc(Number(event.target.value)) })}
      />
      <TextArea
        label="Blocked paths"
        hint="One pattern a line; nobody writes files that match"
        rows={5}
        spellCheck={false}
        disabled={disabled}
        value={wish.blocked}
        error={blockedErrors.map(([, message]) => message).join('; ') || undefined}
        onChange={(event) => set({ blocked: event.target.value })}
      />
      {canEdit ? (
        <div className="flex gap-2">
          <Button type="submit" look="primary" isDisabled={!isChanged} isPending={save.isPending}>
            Save
          </Button>
          <Button isDisabled={!isChanged} onPress={() => setWish(base)}>
            Discard
          </Button>
        </div>
      ) : (
        <p className="text-soft">App admins change these.</p>
      )}
    </form>
  );
}
