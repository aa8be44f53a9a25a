import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { SlidersHorizontal } from 'lucide-react';
import {
  getEnvironmentCatalogOptions,
  getEnvironmentConfigOptions,
  listEnvironmentsOptions,
} from '../api/gen/@tanstack/react-query.gen';
import { FreezeBanner } from '../features/freezes/useFreeze';
import { Compare } from '../features/parameters/Compare';
import { Drafts } from '../features/parameters/Drafts';
import { Editor } from '../features/parameters/Editor';
import { History } from '../features/parameters/History';
import { TimeTravel } from '../features/parameters/TimeTravel';
import { paths } from '../paths';
import { Select } from '../ui/Field';
import { Page, Panel } from '../ui/Page';
import { Badge } from '../ui/Status';
import { Empty, Loaded, Skeleton } from '../ui/states';
import { Tabs } from '../ui/Tabs';
import { live } from '../util/act';
import { useFilters, useIdOf } from '../util/where';

export function Parameters() {
  const path = { appId: useIdOf('appId'), envId: useIdOf('envId') };
  const navigate = useNavigate();
  const [search, change] = useFilters();
  const stages = useQuery({ ...listEnvironmentsOptions({ path: { appId: path.appId } }), ...live });
  const stage = stages.data?.data.find(({ id }) => id === path.envId);
  const config = useQuery({ ...getEnvironmentConfigOptions({ path }), enabled: stage?.running !== null, ...live });
  const catalog = useQuery({ ...getEnvironmentCatalogOptions({ path }), enabled: stage?.running !== null, ...live });
  return (
    <Page
      title={stage ? `Parameters of ${stage.name}` : 'Parameters'}
      crumbs={[
        { label: 'Environments', to: paths.environments(path.appId) },
        { label: stage?.name ?? 'Environment', to: paths.environment(path.appId, path.envId) },
      ]}
      status={config.data && <Badge>Version {config.data.config_version}</Badge>}
      note={config.data && `From ${config.data.release_tag} and profile revision ${config.data.profile_revision}.`}
      actions={
        <div className="w-40">
          <Select
            label="Environment"
            hideLabel
            value={path.envId}
            onChange={(event) =>
              navigate({
                to: paths.parameters(path.appId, event.target.value),
                search: search.tab ? { tab: search.tab } : {},
              })
            }
            choices={(stages.data?.data ?? []).map(({ id, name }) => ({ value: id, label: name }))}
          />
        </div>
      }
    >
      <FreezeBanner stage={stage} />
      {stage?.running === null ? (
        <Panel>
          <Empty icon={SlidersHorizontal} title="Nothing runs here yet">
            The catalog of parameters comes with a release. Deploy one first.
          </Empty>
        </Panel>
      ) : (
        <Tabs
          label="Parameters"
          selected={search.tab ?? 'values'}
          onSelect={(tab) => change({ tab: tab === 'values' ? undefined : tab, page: undefined }, true)}
          parts={[
            {
              id: 'values',
              label: 'Values',
              content: (
                <Loaded query={config} rows={10}>
                  {(data) =>
                    // Fields that move from group to group would take what is being typed with them.
                    catalog.isPending ? (
                      <Skeleton rows={10} />
                    ) : (
                      <Editor
                        key={path.envId}
                        path={path}
                        stage={stage}
                        config={data}
                        catalog={catalog.data}
                        onStale={config.refetch}
                      />
                    )
                  }
                </Loaded>
              ),
            },
            {
              id: 'drafts',
              label: 'Drafts',
              content: (
                <Panel>
                  <Drafts path={path} />
                </Panel>
              ),
            },
            {
              id: 'history',
              label: 'History',
              content: (
                <Panel>
                  <History path={path} stage={stage} />
                </Panel>
              ),
            },
            {
              id: 'then',
              label: 'At a time',
              content: <TimeTravel path={path} stage={stage} />,
            },
            {
              id: 'compare',
              label: 'Compare',
              content: <Compare path={path} stages={stages.data?.data ?? []} />,
            },
          ]}
        />
      )}
    </Page>
  );
}
