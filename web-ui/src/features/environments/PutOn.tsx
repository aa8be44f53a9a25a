import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { ArrowRight, RotateCcw, Upload } from 'lucide-react';
import { useState } from 'react';
import { listReleasesOptions, previewReleaseOptions } from '../../api/gen/@tanstack/react-query.gen';
import { deploy, promote, rollBack } from '../../api/gen/sdk.gen';
import type { Environment } from '../../api/gen/types.gen';
import { formError } from '../../api/problem';
import { paths } from '../../paths';
import { Button } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { Select } from '../../ui/Field';
import { FormError, Loaded } from '../../ui/states';
import { useAct } from '../../util/act';
import { counted, SemanticList } from '../changes/SemanticList';
import { useFreeze } from '../freezes/useFreeze';

type Way = 'deploy' | 'promote' | 'redeploy';
type PutOnProps = { app: string; stage: Environment; before: Environment | undefined; small?: boolean };

/** States of a release that environments take. */
const LIVE = ['published', 'deployed_partial', 'deployed_full', 'rolled_back'];

const TITLES: Record<Way, string> = { deploy: 'Deploy to', promote: 'Promote to', redeploy: 'Redeploy on' };

/** Puts a release on a stage: promoted, deployed, or an earlier one again; each after showing what will change. */
export function PutOn({ app, stage, before, small }: PutOnProps) {
  const [way, setWay] = useState<Way | undefined>();
  const may = (action: string) => stage.allowed_actions.includes(action);
  const { isHeld } = useFreeze(app, stage);
  const { active_deployment: active } = stage;
  const canPromote =
    may('promote') || (may('deploy') && before?.running && before.running.release_id !== stage.running?.release_id);
  return (
    <>
      {active && !small && (
        <span className="max-w-md self-center text-sm text-soft">
          Nothing else is put here before{' '}
          <Link to={paths.deployment(app, active.id)} className="text-accent underline">
            the deployment of {active.tag}
          </Link>{' '}
          {active.state === 'pending' ? 'has run or is canceled.' : 'has ended.'}
        </span>
      )}
      {canPromote && (
        <Button
          look="primary"
          {...(small ? { small } : {})}
          icon={ArrowRight}
          isDisabled={isHeld}
          onPress={() => setWay('promote')}
        >
          Promote {before?.running?.release_tag}
        </Button>
      )}
      {may('deploy') && (
        <Button {...(small ? { small } : {})} icon={Upload} isDisabled={isHeld} onPress={() => setWay('deploy')}>
          Deploy
        </Button>
      )}
      {may('rollback') && stage.running && !small && (
        <Button icon={RotateCcw} isDisabled={isHeld} onPress={() => setWay('redeploy')}>
          Redeploy earlier
        </Button>
      )}
      {way && <Confirm key={way} app={app} stage={stage} before={before} way={way} onClose={() => setWay(undefined)} />}
    </>
  );
}

function Confirm({ app, stage, before, way, onClose }: PutOnProps & { way: Way; onClose: () => void }) {
  const releases = useQuery({
    ...listReleasesOptions({ path: { appId: app }, query: { limit: 200 } }),
    enabled: way !== 'promote',
  });
  const choices = (releases.data?.data ?? []).filter(
    (release) => LIVE.includes(release.state) && (way === 'deploy' || release.id !== stage.running?.release_id),
  );
  const [chosen, choose] = useState<string | undefined>();
  const release = way === 'promote' ? before?.running?.release_id : (chosen ?? choices[0]?.id);
  const preview = useQuery({
    ...previewReleaseOptions({
      path: { appId: app, releaseId: release ?? '' },
      query: { environment: stage.id, mode: 'semantic', limit: 200 },
    }),
    enabled: release !== undefined,
  });
  const target = { appId: app, envId: stage.id };
  const freeze = useFreeze(app, stage);
  const put = useAct(
    async () => {
      if (way === 'promote') return promote({ path: target, body: freeze.body });
      const body = { release_id: release ?? '', ...freeze.body };
      if (way === 'deploy') return deploy({ path: target, body });
      return rollBack({ path: target, body: { mode: 'redeploy', ...body } });
    },
    {
      done: ({ data }) =>
        data && data.approvals_required > 0
          ? `${data.tag} on ${stage.name} waits for ${counted(data.approvals_required, 'approval')}`
          : `${data?.tag} is on its way to ${stage.name}`,
      onDone: onClose,
      quiet: true,
    },
  );
  const isNothing = way !== 'promote' && releases.isSuccess && choices.length === 0;
  return (
    <Dialog
      title={`${TITLES[way]} ${stage.name}`}
      isOpen
      wide
      onClose={onClose}
      footer={
        <>
          <Button onPress={onClose}>Cancel</Button>
          <Button
            look="primary"
            isDisabled={release === undefined || !freeze.isReady}
            isPending={put.isPending}
            onPress={() => put.mutate()}
          >
            {way === 'promote' ? `Promote ${before?.running?.release_tag}` : way === 'deploy' ? 'Deploy' : 'Redeploy'}
          </Button>
        </>
      }
    >
      <div className="flex flex-col gap-3">
        <FormError error={formError(put.error, ['override_freeze'])} />
        {freeze.field(put.error)}
        <p>
          {stage.name} runs <b className="font-mono font-semibold">{stage.running?.release_tag ?? 'nothing'}</b>
          {stage.running && `, version ${stage.running.config_version}`}. Workers take the new version at their next
          safe boundary.
          {way === 'redeploy' && ' The release that is left is marked as rolled back, and promotion here is held.'}
        </p>
        {isNothing && <p className="text-soft">There is no other published release.</p>}
        {way !== 'promote' && choices.length > 0 && (
          <Select
            label="Release"
            value={release ?? ''}
            onChange={(event) => choose(event.target.value)}
            choices={choices.map(({ id, tag, members }) => ({
              value: id,
              label: `${tag} (${counted(members.length, 'changeset')})${id === stage.running?.release_id ? ', runs here' : ''}`,
            }))}
          />
        )}
        {release && (
          <section>
            <h3 className="mb-1 font-semibold">What will change</h3>
            <Loaded query={preview}>{(diff) => ('changes' in diff ? <SemanticList diff={diff} /> : null)}</Loaded>
          </section>
        )}
      </div>
    </Dialog>
  );
}
