import { useQuery } from '@tanstack/react-query';
import { Boxes } from 'lucide-react';
import { useState } from 'react';
import { getAppOptions, listDeploymentsOptions } from '../api/gen/@tanstack/react-query.gen';
import { setEnvironments } from '../api/gen/sdk.gen';
import type { Environment } from '../api/gen/types.gen';
import { fieldErrors, formError } from '../api/problem';
import { Deployments } from '../features/environments/Deployments';
import { ReleaseGrid } from '../features/environments/ReleaseGrid';
import { Stages, StageViews } from '../features/environments/Stages';
import { usePipeline } from '../features/environments/usePipeline';
import { Button } from '../ui/Button';
import { Dialog } from '../ui/Dialog';
import { inputLook } from '../ui/Field';
import { OrderedList } from '../ui/OrderedList';
import { Page, Panel } from '../ui/Page';
import { Empty, FormError, Loaded } from '../ui/states';
import { Pager } from '../ui/Table';
import { live, useAct } from '../util/act';
import { useFilters, useIdOf } from '../util/where';

export function Environments() {
  const appId = useIdOf('appId');
  const path = { appId };
  const [search, change] = useFilters();
  const [isEditing, edit] = useState(false);
  const app = useQuery(getAppOptions({ path }));
  const isList = search.view === 'list';
  const { stages, pipeline } = usePipeline(appId, isList ? 1 : (search.page ?? 1), 10);
  const deployments = useQuery({
    ...listDeploymentsOptions({ path, query: { page: search.page ?? 1, limit: 25 } }),
    ...live,
    enabled: isList,
  });
  const canEdit = app.data?.allowed_actions.some((action) => /environment|setting/.test(action));
  return (
    <Page
      title="Environments"
      note="The same release goes from stage to stage."
      actions={
        <>
          {canEdit && <Button onPress={() => edit(true)}>Edit stages</Button>}
          <StageViews />
        </>
      }
    >
      <Loaded query={stages}>
        {({ data }) =>
          data.length === 0 ? (
            <Panel>
              <Empty icon={Boxes} title="No environments yet">
                {canEdit ? (
                  <Button look="primary" onPress={() => edit(true)}>
                    Lay out the pipeline
                  </Button>
                ) : (
                  'An app admin lays out the pipeline.'
                )}
              </Empty>
            </Panel>
          ) : (
            <Stages app={appId} stages={data} pipeline={pipeline.data} />
          )
        }
      </Loaded>
      {isList ? (
        <Panel title="Deployments">
          <Loaded query={deployments}>
            {({ data, page, limit, total }) => (
              <>
                <Deployments app={appId} list={data} stages={stages.data?.data ?? []} />
                <Pager page={page} limit={limit} total={total} onPage={(next) => change({ page: next })} />
              </>
            )}
          </Loaded>
        </Panel>
      ) : (
        <Loaded query={pipeline}>
          {(told) => (
            <ReleaseGrid
              app={appId}
              stages={stages.data?.data ?? []}
              pipeline={told}
              onPage={(page) => change({ page })}
            />
          )}
        </Loaded>
      )}
      {isEditing && <EditStages app={appId} stages={stages.data?.data ?? []} onClose={() => edit(false)} />}
    </Page>
  );
}

type Stage = { key: string; id?: string; name: string; canonical: boolean; refusals: number };

function EditStages({ app, stages, onClose }: { app: string; stages: Environment[]; onClose: () => void }) {
  const [list, setList] = useState<Stage[]>(() =>
    stages.length > 0
      ? stages.map(({ id, name, canonical, rollback_when_refused_by }) => ({
          key: id,
          id,
          name,
          canonical,
          refusals: rollback_when_refused_by ?? 0,
        }))
      : ['dev', 'staging', 'prod'].map((name) => ({ key: name, name, canonical: name === 'prod', refusals: 0 })),
  );
  const save = useAct(
    () =>
      setEnvironments({
        path: { appId: app },
        body: {
          environments: list.map(({ id, name, canonical, refusals }) => ({
            ...(id ? { id } : {}),
            name,
            canonical,
            rollback_when_refused_by: refusals,
          })),
        },
      }),
    { done: 'Stages saved', onDone: onClose, quiet: true },
  );
  const errors = fieldErrors(save.error, '/environments');
  const set = (key: string, part: Partial<Stage>) =>
    setList(list.map((stage) => (stage.key === key ? { ...stage, ...part } : stage)));
  return (
    <Dialog
      title="Stages"
      isOpen
      onClose={onClose}
      footer={
        <>
          <Button
            onPress={() => setList([...list, { key: `new-${list.length}`, name: '', canonical: false, refusals: 0 }])}
          >
            Add a stage
          </Button>
          <Button look="primary" isPending={save.isPending} onPress={() => save.mutate()}>
            Save
          </Button>
        </>
      }
    >
      <FormError
        error={formError(
          save.error,
          Object.keys(errors).map((field) => `environments.${field}`),
        )}
      />
      <p className="mb-2 text-soft">A release passes them from top to bottom. The canonical one is what users face.</p>
      <OrderedList
        label="Stages"
        items={list}
        idOf={({ key }) => key}
        nameOf={({ name }) => name || 'new stage'}
        canOrder
        onOrder={setList}
      >
        {(stage) => (
          <div>
            <div className="flex flex-wrap items-center gap-3">
              <input
                aria-label="Name"
                className={`${inputLook} min-w-28 flex-1`}
                value={stage.name}
                onChange={(event) => set(stage.key, { name: event.target.value })}
              />
              <label className="flex items-center gap-1.5">
                <input
                  type="radio"
                  name="canonical"
                  className="accent-accent"
                  checked={stage.canonical}
                  onChange={() => setList(list.map((one) => ({ ...one, canonical: one.key === stage.key })))}
                />
                Canonical
              </label>
              <Button small look="quiet" onPress={() => setList(list.filter(({ key }) => key !== stage.key))}>
                Remove
              </Button>
            </div>
            <label className="flex flex-wrap items-center gap-1.5 pt-1.5 text-sm text-soft">
              Goes back by itself when refused by
              <input
                type="number"
                min={0}
                className={`${inputLook} max-w-16`}
                value={stage.refusals}
                onChange={(event) => set(stage.key, { refusals: Math.max(0, Math.trunc(Number(event.target.value))) })}
              />
              workers (0: never)
            </label>
            <p className="min-h-[1.125rem] text-sm text-bad">
              {errors[`${list.indexOf(stage)}.name`] ?? errors[`${list.indexOf(stage)}.rollback_when_refused_by`]}
            </p>
          </div>
        )}
      </OrderedList>
    </Dialog>
  );
}
