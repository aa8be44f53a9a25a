import { Eye, EyeOff, KeyRound, Plus, RefreshCw, Trash2, Undo2 } from 'lucide-react';
import { useEffect, useState } from 'react';
import { revealSecret } from '../../api/gen/sdk.gen';
import type { ProfileSecret, RuntimeProfile } from '../../api/gen/types.gen';
import { Button } from '../../ui/Button';
import { TextField } from '../../ui/Field';
import { Panel } from '../../ui/Page';
import { Badge } from '../../ui/Status';
import { Empty } from '../../ui/states';
import { Time } from '../../ui/Time';
import { useAct } from '../../util/act';
import type { ProfileDraft } from './useProfileDraft';

/** For how long a secret stays on the screen. */
const SHOWN_FOR = 60_000;

type SecretsPanelProps = {
  app: string;
  profile: RuntimeProfile;
  draft: ProfileDraft;
  canEdit: boolean;
  errors: Record<string, string>;
};

/** The secrets of a profile: masked, and one at a time revealed to whoever may see them. */
export function SecretsPanel({ app, profile, draft, canEdit, errors }: SecretsPanelProps) {
  const [adding, setAdding] = useState<string | undefined>();
  const names = [...new Set([...Object.keys(profile.secrets), ...Object.keys(draft.secrets)])].sort();
  const isTaken = adding !== undefined && (names.includes(adding) || adding in draft.vars);
  return (
    <Panel
      title="Secrets"
      aside={
        canEdit &&
        adding === undefined && (
          <Button small icon={Plus} onPress={() => setAdding('')}>
            Add a secret
          </Button>
        )
      }
    >
      {adding !== undefined && (
        <form
          className="flex flex-wrap items-start gap-3 border-b border-line p-4"
          onSubmit={(event) => {
            event.preventDefault();
            if (!adding || isTaken) return;
            draft.setSecret(adding, '');
            setAdding(undefined);
          }}
        >
          <div className="w-64">
            <TextField
              label="Name of the secret"
              autoFocus
              placeholder="API_KEY"
              spellCheck={false}
              autoComplete="off"
              value={adding}
              error={isTaken ? 'Something has this name already' : undefined}
              onChange={(event) => setAdding(event.target.value.trim())}
            />
          </div>
          <span className="flex gap-2 pt-6">
            <Button type="submit" look="primary" isDisabled={!adding || isTaken}>
              Add
            </Button>
            <Button onPress={() => setAdding(undefined)}>Cancel</Button>
          </span>
        </form>
      )}
      {names.length === 0 ? (
        <Empty icon={KeyRound} title="No secrets">
          Passwords and keys belong here: they are encrypted, and only their first and last letters are seen.
        </Empty>
      ) : (
        <ul>
          {names.map((name) => (
            <Secret
              key={name}
              path={{ appId: app, profileId: profile.id, name }}
              secret={profile.secrets[name]}
              edit={draft.secrets[name]}
              error={errors[name]}
              canEdit={canEdit}
              canReveal={profile.allowed_actions.includes('reveal_secrets')}
              onValue={(value) => draft.setSecret(name, value)}
              onUndo={() => draft.undoSecret(name)}
            />
          ))}
        </ul>
      )}
    </Panel>
  );
}

type SecretProps = {
  path: { appId: string; profileId: string; name: string };
  /** As it is kept; nothing for one that is about to be added. */
  secret: ProfileSecret | undefined;
  /** Its new value, null to remove it, nothing to leave it. */
  edit: string | null | undefined;
  error: string | undefined;
  canEdit: boolean;
  canReveal: boolean;
  onValue: (value: string | null) => void;
  onUndo: () => void;
};

function Secret({ path, secret, edit, error, canEdit, canReveal, onValue, onUndo }: SecretProps) {
  const { name } = path;
  const [revealed, setRevealed] = useState<string | undefined>();
  const reveal = useAct(() => revealSecret({ path, body: {} }), {
    onDone: ({ data }) => setRevealed(data?.value),
  });
  // It does not stay on a screen that somebody left.
  useEffect(() => {
    if (revealed === undefined) return;
    const hide = () => setRevealed(undefined);
    const timer = window.setTimeout(hide, SHOWN_FOR);
    document.addEventListener('visibilitychange', hide);
    return () => {
      window.clearTimeout(timer);
      document.removeEventListener('visibilitychange', hide);
    };
  }, [revealed]);
  return (
    <li
      className={`grid items-start gap-x-4 gap-y-1 border-t border-line px-4 py-2 first:border-t-0 sm:grid-cols-[minmax(11rem,1fr)_minmax(12rem,1.6fr)_auto] ${edit === undefined ? '' : 'bg-tint'}`}
    >
      <div className="min-w-0">
        <span className={`font-medium break-all ${edit === null ? 'line-through' : ''}`}>{name}</span>{' '}
        {edit === null && <Badge tone="warn">Removed</Badge>}
        {secret && (
          <span className="block text-sm text-soft">
            {secret.set_by.name}, <Time at={secret.set_at} />, in revision {secret.version}
          </span>
        )}
      </div>
      <div className="min-w-0">
        {typeof edit === 'string' ? (
          <TextField
            label={secret ? `New value of ${name}` : `Value of ${name}`}
            type="password"
            autoComplete="new-password"
            value={edit}
            error={error ?? (edit === '' ? 'Type its value' : undefined)}
            onChange={(event) => onValue(event.target.value)}
          />
        ) : (
          <code className="font-mono text-sm break-all whitespace-pre-wrap">{revealed ?? secret?.masked}</code>
        )}
        {typeof edit !== 'string' && error && (
          <p role="alert" className="text-sm text-bad">
            {error}
          </p>
        )}
      </div>
      <div className="flex flex-wrap justify-end gap-1">
        {secret && canReveal && edit === undefined && (
          <Button
            small
            look="quiet"
            icon={revealed === undefined ? Eye : EyeOff}
            isPending={reveal.isPending}
            aria-label={`${revealed === undefined ? 'Reveal' : 'Hide'} ${name}`}
            onPress={() => (revealed === undefined ? reveal.mutate() : setRevealed(undefined))}
          >
            {revealed === undefined ? 'Reveal' : 'Hide'}
          </Button>
        )}
        {canEdit && edit === undefined && (
          <>
            <Button small look="quiet" icon={RefreshCw} aria-label={`Replace ${name}`} onPress={() => onValue('')}>
              Replace
            </Button>
            <Button small look="quiet" icon={Trash2} aria-label={`Remove ${name}`} onPress={() => onValue(null)} />
          </>
        )}
        {canEdit && edit !== undefined && (
          <Button small look="quiet" icon={Undo2} aria-label={`Undo ${name}`} onPress={onUndo}>
            Undo
          </Button>
        )}
      </div>
    </li>
  );
}
