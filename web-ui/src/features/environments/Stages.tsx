import { Rows3, Workflow } from 'lucide-react';
import type { Environment, Pipeline as Told } from '../../api/gen/types.gen';
import { Segmented } from '../../ui/Segmented';
import { useFilters } from '../../util/where';
import { Pipeline } from './Pipeline';
import { StageTable } from './StageTable';
import { placed } from './usePipeline';

const VIEWS = [
  { id: 'picture', label: 'Pipeline', icon: Workflow },
  { id: 'list', label: 'List', icon: Rows3 },
];

/** Which way the stages are shown, as the address says. */
export function StageViews() {
  const [search, change] = useFilters();
  return (
    <Segmented
      label="How stages are shown"
      options={VIEWS}
      selected={search.view === 'list' ? 'list' : 'picture'}
      onSelect={(view) => change({ view: view === 'list' ? view : undefined, page: undefined }, true)}
    />
  );
}

/** The stages of an app, as a picture or as a list. */
export function Stages({ app, stages, pipeline }: { app: string; stages: Environment[]; pipeline: Told | undefined }) {
  const [search] = useFilters();
  const list = placed(stages, pipeline);
  return search.view === 'list' ? <StageTable app={app} list={list} /> : <Pipeline app={app} list={list} />;
}
