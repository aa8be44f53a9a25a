import { KeyRound } from 'lucide-react';
import { useState } from 'react';
import { getProfile, updateProfile } from '../../api/gen/sdk.gen';
import type { RuntimeProfile } from '../../api/gen/types.gen';
import { fieldErrors, formError, problemOf } from '../../api/problem';
import { Button } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { TextField } from '../../ui/Field';
import { Badge } from '../../ui/Status';
import { FormError } from '../../ui/states';
import { useAct } from '../../util/act';
import { ValueDiff } from '../parameters/ValueDiff';
import { settingsDiff } from './settings';
import type { ProfileDraft } from './useProfileDraft';

/** Why nothing was saved: somebody was faster. */
class Overtaken extends Error {}

/** Saves what is drafted, over exactly what the person saw. */
export function useSaveProfile(app: string, profile: RuntimeProfile, draft: ProfileDraft, onSaved: () => void) {
  const path = { appId: app, profileId: profile.id };
  return useAct(
    async (reason: string) => {
      const now = await getProfile({ path });
      // What comes back by the query puts the draft over the newer revision.
      if (now.data?.revision !== draft.base.revision) throw new Overtaken();
      return updateProfile({
        path,
        headers: { 'If-Match': now.response.headers.get('etag') ?? '' },
        body: {
          env_vars: draft.vars,
          settings: draft.hasSettings ? draft.settings : null,
          secrets: draft.secrets,
          reason,
        },
      });
    },
    {
      done: ({ data }) => `Revision ${data?.revision}; the next deployment takes it`,
      quiet: true,
      onDone: ({ data }) => {
        if (data) draft.begin(data);
        onSaved();
      },
    },
  );
}

type ReviewProps = {
  draft: ProfileDraft;
  profile: RuntimeProfile;
  nameOf: (profile: string) => string;
  save: ReturnType<typeof useSaveProfile>;
  onClose: () => void;
};

/** What saving changes, before it is saved. Secrets are named, never shown. */
export function Review({ draft, profile, nameOf, save, onClose }: ReviewProps) {
  const [reason, setReason] = useState('');
  const settings = settingsDiff(draft.base.settings, draft.settings, nameOf);
  const secrets = Object.entries(draft.secrets).sort(([one], [other]) => (one < other ? -1 : 1));
  const isOvertaken =
    draft.overtakenBy !== undefined ||
    save.error instanceof Overtaken ||
    [409, 412].includes(problemOf(save.error).status);
  const isBlocked = ['no_master_key'].includes(problemOf(save.error).code);
  const about = Object.entries(fieldErrors(save.error)).filter(([name]) => name !== 'reason');
  return (
    <Dialog
      title={`Save ${profile.name}`}
      isOpen
      wide
      onClose={onClose}
      footer={
        <>
          <Button onPress={onClose}>Back</Button>
          <Button
            look="primary"
            isDisabled={draft.count === 0 || !reason.trim()}
            isPending={save.isPending}
            onPress={() => save.mutate(reason)}
          >
            Save as a new revision
          </Button>
        </>
      }
    >
      <div className="flex flex-col gap-3">
        {isOvertaken && !isBlocked ? (
          <p role="alert" className="rounded-md bg-warn-tint px-3 py-2 text-warn">
            Somebody made revision {draft.base.revision} meanwhile. What you typed is still here; the differences below
            are to that revision.
          </p>
        ) : (
          <FormError error={about.length > 0 ? undefined : formError(save.error, ['reason'])} />
        )}
        {about.map(([name, message]) => (
          <p key={name} role="alert" className="text-bad">
            {name.replace(/^(env_vars|secrets|settings)\./, '')}: {message}
          </p>
        ))}
        <p>
          This is an edit of a running environment's profile: it is on record as one, and the next deployment takes it.
        </p>
        {draft.count === 0 && <p className="text-soft">Nothing changes.</p>}
        {draft.changes.length > 0 && (
          <section>
            <h3 className="pb-1 font-semibold">Variables</h3>
            <ValueDiff rows={draft.changes} />
          </section>
        )}
        {settings.length > 0 && (
          <section>
            <h3 className="pb-1 font-semibold">Address and data</h3>
            <ValueDiff rows={settings} />
          </section>
        )}
        {secrets.length > 0 && (
          <section>
            <h3 className="pb-1 font-semibold">Secrets</h3>
            <ul className="rounded-md border border-line">
              {secrets.map(([name, value]) => (
                <li key={name} className="flex items-center gap-2 border-t border-line px-3 py-1.5 first:border-t-0">
                  <KeyRound aria-hidden size={14} className="text-soft" />
                  <span className="font-medium break-all">{name}</span>
                  <Badge tone={value === null ? 'warn' : 'info'}>
                    {value === null ? 'Removed' : name in profile.secrets ? 'Gets a new value' : 'Added'}
                  </Badge>
                </li>
              ))}
            </ul>
          </section>
        )}
        <TextField
          label="Reason"
          hint="The revision keeps it"
          value={reason}
          error={fieldErrors(save.error).reason}
          onChange={(event) => setReason(event.target.value)}
        />
      </div>
    </Dialog>
  );
}
