import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { getProfileOptions } from '../../api/gen/@tanstack/react-query.gen';
import { getProfile, updateProfile } from '../../api/gen/sdk.gen';
import type { RuntimeProfile } from '../../api/gen/types.gen';
import { fieldErrors, formError, problemOf } from '../../api/problem';
import { Button } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { TextArea, TextField } from '../../ui/Field';
import { FormError } from '../../ui/states';
import { useAct } from '../../util/act';
import type { Value } from '../parameters/edits';
import { ValueDiff } from '../parameters/ValueDiff';
import { type Vars, varsDiff, varsOf } from './vars';

type ProfileFormProps = {
  app: string;
  profile: RuntimeProfile;
  title: string;
  /** What the form begins with: the profile's variables, or those of an earlier revision. */
  vars: Vars;
  onClose: () => void;
};

/** Replaces the variables of a profile, written as one JSON object, with what that changes in sight. */
export function ProfileForm({ app, profile, title, vars, onClose }: ProfileFormProps) {
  const path = { appId: app, profileId: profile.id };
  const [text, setText] = useState(() => JSON.stringify(vars, null, 2));
  const [reason, setReason] = useState('');
  const [etag, setEtag] = useState('');
  const [isOvertaken, setOvertaken] = useState(false);
  const now = useQuery(getProfileOptions({ path })).data ?? profile;
  const look = async () => setEtag((await getProfile({ path })).response.headers.get('etag') ?? '');
  // biome-ignore lint/correctness/useExhaustiveDependencies: what is replaced is what was there when the form opened
  useEffect(() => {
    look().catch(() => undefined);
  }, []);
  const typed = varsOf(text);
  const rows = 'vars' in typed ? varsDiff(now.env_vars as Vars, typed.vars) : [];
  const save = useAct(
    () =>
      updateProfile({
        path,
        body: { env_vars: 'vars' in typed ? typed.vars : {}, reason },
        headers: { 'If-Match': etag },
      }).catch(async (error) => {
        if ([409, 412].includes(problemOf(error).status)) {
          setOvertaken(true);
          await look();
        }
        throw error;
      }),
    { done: ({ data }) => `Revision ${data?.revision}; the next deployment takes it`, quiet: true, onDone: onClose },
  );
  const errors = fieldErrors(save.error);
  const about = Object.entries(fieldErrors(save.error, '/env_vars')).map(([name, message]) => `${name}: ${message}`);
  return (
    <Dialog
      title={title}
      isOpen
      wide
      onClose={onClose}
      footer={
        <>
          <Button onPress={onClose}>Cancel</Button>
          <Button
            look="primary"
            isDisabled={'problem' in typed || rows.length === 0 || !reason.trim()}
            isPending={save.isPending}
            onPress={() => save.mutate()}
          >
            Save as a new revision
          </Button>
        </>
      }
    >
      <div className="flex flex-col gap-2">
        {isOvertaken ? (
          <p role="alert" className="rounded-md bg-warn-tint px-3 py-2 text-warn">
            Somebody made revision {now.revision} meanwhile. What you typed is still here; the differences below are to
            that revision, and saving again replaces it.
          </p>
        ) : (
          <FormError error={about.length > 0 ? undefined : formError(save.error, ['reason', 'env_vars'])} />
        )}
        <TextArea
          label="Variables"
          hint="One JSON object; a variable that is named like a parameter is its value"
          rows={12}
          spellCheck={false}
          value={text}
          error={
            'problem' in typed ? typed.problem : [...about, errors.env_vars].filter(Boolean).join('; ') || undefined
          }
          onChange={(event) => setText(event.target.value)}
        />
        <section>
          <h3 className="pb-1 font-semibold">What changes in revision {now.revision}</h3>
          {rows.length === 0 ? (
            <p className="text-soft">Nothing.</p>
          ) : (
            <ValueDiff rows={rows as { name: string; before: Value | undefined; after: Value | undefined }[]} />
          )}
        </section>
        <TextField
          label="Reason"
          hint="The revision keeps it"
          value={reason}
          error={errors.reason}
          onChange={(event) => setReason(event.target.value)}
        />
      </div>
    </Dialog>
  );
}
