import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Snowflake } from 'lucide-react';
import { useEffect, useState } from 'react';
import { getAppOptions } from '../../api/gen/@tanstack/react-query.gen';
import type { Environment } from '../../api/gen/types.gen';
import { fieldErrors } from '../../api/problem';
import { TextArea } from '../../ui/Field';
import { Badge } from '../../ui/Status';
import { ago } from '../../ui/Time';
import { refresh } from '../../util/follow';
import { clock } from './schedule';

type Stage = Pick<Environment, 'name' | 'freeze' | 'next_freeze'>;

/** How a freeze bears on a write to an environment: whether it is held back, and how an app admin sets it aside. */
export function useFreeze(app: string, stage: Stage | undefined) {
  const mayOverride = useQuery(getAppOptions({ path: { appId: app } })).data?.allowed_actions.includes(
    'override_freeze',
  );
  const [reason, setReason] = useState('');
  const freeze = stage?.freeze ?? undefined;
  const isReasoned = reason.trim() !== '';
  return {
    /** Nothing is left but to wait. */
    isHeld: freeze !== undefined && !mayOverride,
    /** The write may be sent: nothing is frozen, or there is a reason to set the freeze aside. */
    isReady: freeze === undefined || (mayOverride === true && isReasoned),
    /** What the write carries of it. */
    body: freeze && isReasoned ? { override_freeze: reason } : {},
    /** The field for the reason, or why there is none. */
    field: (error?: unknown) =>
      freeze ? (
        <div className="flex flex-col gap-2 rounded-md bg-info-tint p-3">
          <p className="flex gap-2 text-info">
            <Snowflake aria-hidden size={16} className="mt-0.5 shrink-0" />
            <span>
              {stage?.name} is frozen until {clock(freeze.ends_at)} by {freeze.name}.{' '}
              {mayOverride ? 'You may set the freeze aside for this.' : 'An app admin may set that aside.'}
            </span>
          </p>
          {mayOverride && (
            <TextArea
              label="Why the freeze is set aside"
              hint="Config managers get it by mail, and the audit log keeps it"
              rows={2}
              value={reason}
              error={fieldErrors(error).override_freeze}
              onChange={(event) => setReason(event.target.value)}
            />
          )}
        </div>
      ) : null,
  };
}

/** That an environment is frozen, or is about to be. */
export function FreezeBanner({ stage }: { stage: Stage | undefined }) {
  const freeze = stage?.freeze;
  useAlarm(freeze?.ends_at ?? stage?.next_freeze?.starts_at);
  if (freeze) {
    return (
      <div role="status" className="flex items-start gap-2 rounded-md bg-info-tint px-3 py-2 text-info">
        <Snowflake aria-hidden size={16} className="mt-0.5 shrink-0" />
        <p className="min-w-0 break-words">
          <b className="font-semibold">
            Frozen until {clock(freeze.ends_at)} ({ago(freeze.ends_at)})
          </b>
          : {freeze.name}. {freeze.banner && `${freeze.banner} `}Saving and deploying rest until then.
        </p>
      </div>
    );
  }
  const next = stage?.next_freeze;
  const isSoon = next && new Date(next.starts_at).getTime() - Date.now() < 86_400_000;
  if (!isSoon) return null;
  return (
    <p className="flex items-center gap-2 text-sm text-soft">
      <Snowflake aria-hidden size={14} /> {next.name} freezes {stage.name} {ago(next.starts_at)}, until{' '}
      {clock(next.ends_at)}.
    </p>
  );
}

/** How often it is looked again where the clocks of browser and server differ, in milliseconds. */
const LOOK_AGAIN = 5_000;
/** The longest that a timer of a browser waits. */
const LONGEST = 2_147_483_647;

/** Reads again what is shown when an instant comes: nobody tells that a freeze begins or ends. */
function useAlarm(at: string | undefined) {
  const queries = useQueryClient();
  useEffect(() => {
    if (at === undefined) return;
    let timer = 0;
    const arm = (delay: number) => {
      timer = window.setTimeout(
        () => {
          refresh(queries);
          arm(LOOK_AGAIN);
        },
        Math.min(delay, LONGEST),
      );
    };
    arm(Math.max(new Date(at).getTime() - Date.now(), 0) + 500);
    return () => window.clearTimeout(timer);
  }, [at, queries]);
}

/** The same in one word, for lists. */
export function FreezeBadge({ stage }: { stage: Stage }) {
  if (!stage.freeze) return null;
  return (
    <Badge tone="info" icon={Snowflake}>
      Frozen until {clock(stage.freeze.ends_at)}
    </Badge>
  );
}
