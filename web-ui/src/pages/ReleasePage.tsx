import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Hammer, Package, Send, X } from 'lucide-react';
import { useState } from 'react';
import {
  getQueueOptions,
  getReleaseOptions,
  listEnvironmentsOptions,
  previewReleaseOptions,
} from '../api/gen/@tanstack/react-query.gen';
import { assembleRelease, editRelease, getRelease, publishRelease, setReleaseChangesets } from '../api/gen/sdk.gen';
import type { OnIsolation, Release, ReleaseMember } from '../api/gen/types.gen';
import { Collisions, Findings } from '../features/changes/Findings';
import { SemanticList } from '../features/changes/SemanticList';
import { JobProgress } from '../features/jobs/JobProgress';
import { nameOf } from '../features/releases/ReleaseRows';
import { paths } from '../paths';
import { Button } from '../ui/Button';
import { Dialog } from '../ui/Dialog';
import { Select, TextArea } from '../ui/Field';
import { OrderedList } from '../ui/OrderedList';
import { Page, Panel } from '../ui/Page';
import { Status, words } from '../ui/Status';
import { Empty, FormError, Loaded } from '../ui/states';
import { Time } from '../ui/Time';
import { live, useAct } from '../util/act';
import { useFilters, useIdOf } from '../util/where';

const UNDER_WAY = ['assembling', 'publishing'];

export function ReleasePage() {
  const path = { appId: useIdOf('appId'), releaseId: useIdOf('releaseId') };
  const release = useQuery({
    ...getReleaseOptions({ path }),
    refetchInterval: ({ state }) => (UNDER_WAY.includes(state.data?.state ?? '') ? 1_000 : live.refetchInterval()),
  });
  if (!release.data) {
    return (
      <Page title="Release" crumbs={[{ label: 'Releases', to: paths.releases(path.appId) }]}>
        <Panel>
          <Loaded query={release}>{() => null}</Loaded>
        </Panel>
      </Page>
    );
  }
  return <Builder path={path} release={release.data} />;
}

type Path = { appId: string; releaseId: string };

function Builder({ path, release }: { path: Path; release: Release }) {
  const may = (action: string) => release.allowed_actions.includes(action);
  const [job, setJob] = useState<string | undefined>();
  const [isPublishing, askPublish] = useState(false);
  const [onIsolation, setOnIsolation] = useState<OnIsolation>('continue');
  const compose = useAct(() => assembleRelease({ path, body: { on_isolation: onIsolation } }), {
    onDone: ({ data }) => setJob(data?.job_id),
  });
  const isComposed = release.commit !== null && release.commit !== undefined;
  const isBroken = release.members.some(({ result }) => result !== 'merged' && result !== 'pending');
  return (
    <Page
      title={nameOf(release)}
      crumbs={[{ label: 'Releases', to: paths.releases(path.appId) }]}
      status={<Status state={release.state} />}
      note={
        <>
          {release.created_by.name}, <Time at={release.published_at ?? release.created_at} />
          {release.commit && (
            <>
              , commit <code className="font-mono text-sm">{release.commit.slice(0, 10)}</code>
            </>
          )}
        </>
      }
      actions={
        <>
          {may('assemble') && (
            <Button
              icon={Hammer}
              look={isComposed ? 'plain' : 'primary'}
              isPending={compose.isPending}
              isDisabled={release.members.length === 0}
              onPress={() => compose.mutate()}
            >
              {isComposed ? 'Compose again' : 'Compose'}
            </Button>
          )}
          {may('publish') && (
            <Button icon={Send} look="primary" onPress={() => askPublish(true)}>
              Publish
            </Button>
          )}
        </>
      }
    >
      {job && <JobProgress app={path.appId} job={job} onClose={() => setJob(undefined)} />}
      <div className="grid items-start gap-4 lg:grid-cols-2">
        <div className="flex min-w-0 flex-col gap-4">
          <Members path={path} release={release} canEdit={may('edit')} />
          {may('assemble') && (
            <Panel>
              <div className="px-4 py-3">
                <Select
                  label="If a changeset does not fit"
                  value={onIsolation}
                  onChange={(event) => setOnIsolation(event.target.value as OnIsolation)}
                  choices={[
                    { value: 'continue', label: 'Leave it out and go on with the others' },
                    { value: 'return_to_draft', label: 'Return the release to draft' },
                  ]}
                />
              </div>
            </Panel>
          )}
          {isBroken && (
            <p className="rounded-md bg-warn-tint px-3 py-2 text-warn">
              What did not fit was sent back to its author and is not part of the release.
            </p>
          )}
          <Notes key={release.state} path={path} release={release} canEdit={may('edit')} />
        </div>
        <WhatChanges path={path} release={release} isComposed={isComposed} />
      </div>
      <Publish path={path} release={release} isOpen={isPublishing} onClose={() => askPublish(false)} onJob={setJob} />
    </Page>
  );
}

function Members({ path, release, canEdit }: { path: Path; release: Release; canEdit: boolean }) {
  const queue = useQuery({ ...getQueueOptions({ path }), enabled: canEdit });
  const set = useAct((members: Pick<ReleaseMember, 'changeset_id'>[]) =>
    setReleaseChangesets({ path, body: { changeset_ids: members.map((member) => member.changeset_id) } }),
  );
  const inside = release.members.map((member) => member.changeset_id);
  const more = (queue.data?.data ?? []).filter(({ id, release_id }) => !inside.includes(id) && !release_id);
  return (
    <Panel title="Changesets">
      {release.members.length === 0 ? (
        <Empty icon={Package} title="No changesets in it" />
      ) : (
        <OrderedList
          label="Changesets of the release"
          items={release.members}
          idOf={(member) => member.changeset_id}
          nameOf={(member) => `#${member.number} ${member.title}`}
          canOrder={canEdit}
          onOrder={(members) => set.mutate(members)}
        >
          {(member) => (
            <div>
              <div className="flex flex-wrap items-center gap-2">
                <Link
                  to={paths.changeset(path.appId, member.changeset_id)}
                  className="min-w-32 flex-1 font-medium hover:underline"
                >
                  #{member.number} {member.title}
                </Link>
                <Status state={member.result} />
                {canEdit && (
                  <Button
                    small
                    look="quiet"
                    icon={X}
                    aria-label={`Take out #${member.number}`}
                    onPress={() => set.mutate(release.members.filter((one) => one !== member))}
                  />
                )}
              </div>
              {member.collisions.length > 0 && <Collisions list={member.collisions} />}
              {member.findings.length > 0 && <Findings list={member.findings} />}
            </div>
          )}
        </OrderedList>
      )}
      {canEdit && more.length > 0 && (
        <div className="border-t border-line px-4 py-2">
          <h3 className="py-1 text-sm font-medium text-soft">Also queued</h3>
          {more.map((changeset) => (
            <div key={changeset.id} className="flex items-center gap-2 py-1">
              <span className="min-w-0 flex-1 truncate">
                #{changeset.number} {changeset.title}
              </span>
              <Button
                small
                aria-label={`Add #${changeset.number}`}
                onPress={() => set.mutate([...release.members, { changeset_id: changeset.id }])}
              >
                Add
              </Button>
            </div>
          ))}
        </div>
      )}
    </Panel>
  );
}

function Notes({ path, release, canEdit }: { path: Path; release: Release; canEdit: boolean }) {
  const [text, setText] = useState(release.notes);
  const save = useAct(
    async () => {
      // What is replaced is the release as it is now; a change in between is refused.
      const { response } = await getRelease({ path });
      return editRelease({
        path,
        body: { notes: text },
        headers: { 'If-Match': response.headers.get('etag') ?? '' },
      });
    },
    { done: 'Notes saved' },
  );
  return (
    <Panel title="Notes">
      {canEdit ? (
        <div className="p-3">
          <TextArea
            label="Release notes"
            hint="Generated when publishing where they are empty"
            rows={6}
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
          <Button isDisabled={text === release.notes} isPending={save.isPending} onPress={() => save.mutate()}>
            Save notes
          </Button>
        </div>
      ) : (
        <p className="px-4 py-3 break-words whitespace-pre-wrap">
          {release.notes || <span className="text-soft">None.</span>}
        </p>
      )}
    </Panel>
  );
}

function WhatChanges({ path, release, isComposed }: { path: Path; release: Release; isComposed: boolean }) {
  const [search, change] = useFilters();
  const stages = useQuery(listEnvironmentsOptions({ path: { appId: path.appId } }));
  const stage = stages.data?.data.find(({ name }) => name === search.view);
  const preview = useQuery({
    ...previewReleaseOptions({
      path,
      query: { mode: 'semantic', limit: 200, ...(stage ? { environment: stage.id } : {}) },
    }),
    enabled: isComposed,
  });
  return (
    <Panel
      title="What changes"
      aside={
        <div className="w-44">
          <Select
            label="Compared with"
            hideLabel
            value={stage?.name ?? ''}
            onChange={(event) => change({ view: event.target.value })}
            choices={[
              { value: '', label: 'Since the last release' },
              ...(stages.data?.data ?? []).map(({ name }) => ({ value: name, label: `If put on ${name}` })),
            ]}
          />
        </div>
      }
    >
      {isComposed ? (
        <div className="p-3">
          <Loaded query={preview}>{(diff) => ('changes' in diff ? <SemanticList diff={diff} /> : null)}</Loaded>
        </div>
      ) : (
        <Empty icon={Hammer} title="Not composed yet">
          {words(release.state)}: composing merges the changesets in order, and shows here what they amount to.
        </Empty>
      )}
    </Panel>
  );
}

type PublishProps = {
  path: Path;
  release: Release;
  isOpen: boolean;
  onClose: () => void;
  onJob: (job: string) => void;
};

function Publish({ path, release, isOpen, onClose, onJob }: PublishProps) {
  const publish = useAct(() => publishRelease({ path, body: {} }), {
    quiet: true,
    onDone: ({ data }) => {
      onClose();
      if (data) onJob(data.job_id);
    },
  });
  const merged = release.members.filter(({ result }) => result === 'merged');
  return (
    <Dialog
      title="Publish this release"
      isOpen={isOpen}
      onClose={onClose}
      footer={
        <>
          <Button onPress={onClose}>Cancel</Button>
          <Button look="primary" isPending={publish.isPending} onPress={() => publish.mutate()}>
            Publish
          </Button>
        </>
      }
    >
      <FormError error={publish.error} />
      <p>
        It gets a tag, and the integration branch moves to it. A published release never changes. It carries{' '}
        {merged.length} {merged.length === 1 ? 'changeset' : 'changesets'}:
      </p>
      <ul className="mt-2 list-disc pl-5">
        {merged.map((member) => (
          <li key={member.changeset_id}>
            #{member.number} {member.title}
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
