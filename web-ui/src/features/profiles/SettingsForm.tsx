import type { RuntimeProfile } from '../../api/gen/types.gen';
import { Select, TextArea, TextField } from '../../ui/Field';
import { Panel } from '../../ui/Page';
import type { ProfileDraft } from './useProfileDraft';

type SettingsFormProps = {
  draft: ProfileDraft;
  canEdit: boolean;
  errors: Record<string, string>;
  /** The other profiles of the app. */
  others: RuntimeProfile[];
};

const CONTENTS = [
  { value: 'existing', label: 'Is there already' },
  { value: 'clone_from_base', label: 'Copied from another profile' },
  { value: 'snapshot_restore', label: 'Restored from a snapshot' },
  { value: 'empty', label: 'Begins empty' },
];

const ON_RECORD = <span className="text-sm text-soft">On record; deployments do not act on it yet</span>;

/** Where the environment is reached, where its data lives, and how that is migrated. */
export function SettingsForm({ draft, canEdit, errors, others }: SettingsFormProps) {
  const { form, setForm } = draft;
  const at = (field: string) =>
    Object.entries(errors)
      .filter(([name]) => name === field || name.startsWith(`${field}.`))
      .map(([, message]) => message)
      .join('; ') || undefined;
  const disabled = !canEdit;
  return (
    <div className="flex flex-col gap-4">
      <Panel title="Address">
        <div className="max-w-xl p-4">
          <TextField
            label="Base URL"
            hint="Where people reach the environment, e.g. https://lab.example"
            type="url"
            disabled={disabled}
            value={form.base_url}
            error={at('base_url')}
            onChange={(event) => setForm({ base_url: event.target.value })}
          />
        </div>
      </Panel>
      <Panel title="Database" aside={ON_RECORD}>
        <div className="grid max-w-3xl gap-x-4 gap-y-2 p-4 sm:grid-cols-2">
          <Select
            label="Engine"
            disabled={disabled}
            value={form.engine}
            onChange={(event) => setForm({ engine: event.target.value as '' | 'mongodb' })}
            choices={[
              { value: '', label: 'None' },
              { value: 'mongodb', label: 'MongoDB' },
            ]}
          />
          {form.engine !== '' && (
            <>
              <TextField
                label="Connection"
                hint="The name under which it is kept, never its address"
                disabled={disabled}
                value={form.connection_ref}
                error={at('database.connection_ref')}
                onChange={(event) => setForm({ connection_ref: event.target.value })}
              />
              <Select
                label="Its content"
                disabled={disabled}
                value={form.provisioning_mode}
                onChange={(event) =>
                  setForm({ provisioning_mode: event.target.value as typeof form.provisioning_mode })
                }
                choices={CONTENTS}
              />
              {form.provisioning_mode === 'clone_from_base' && (
                <div>
                  <Select
                    label="Copied from"
                    disabled={disabled}
                    value={form.base_profile_id}
                    aria-invalid={at('database.base_profile_id') !== undefined}
                    onChange={(event) => setForm({ base_profile_id: event.target.value })}
                    choices={[
                      { value: '', label: 'Choose a profile' },
                      ...others.map(({ id, name }) => ({ value: id, label: name })),
                    ]}
                  />
                  {at('database.base_profile_id') && (
                    <p role="alert" className="text-sm text-bad">
                      {at('database.base_profile_id')}
                    </p>
                  )}
                </div>
              )}
            </>
          )}
        </div>
      </Panel>
      <Panel title="Migrations" aside={ON_RECORD}>
        <div className="grid max-w-3xl gap-x-4 p-4 sm:grid-cols-2">
          <TextArea
            label="Folders"
            hint="Of the repository, one on a line, in their order"
            spellCheck={false}
            disabled={disabled}
            value={form.repo_paths}
            error={at('migrations.repo_paths')}
            onChange={(event) => setForm({ repo_paths: event.target.value })}
          />
          <TextField
            label="Command"
            hint="What runs them"
            spellCheck={false}
            disabled={disabled}
            value={form.command}
            error={at('migrations.command')}
            onChange={(event) => setForm({ command: event.target.value })}
          />
        </div>
      </Panel>
    </div>
  );
}
