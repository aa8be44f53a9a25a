import { useQuery } from '@tanstack/react-query';
import { getPipelineOptions, listEnvironmentsOptions } from '../../api/gen/@tanstack/react-query.gen';
import type { Environment, Pipeline, PipelineStage } from '../../api/gen/types.gen';
import { live } from '../../util/act';

/** A stage with what surrounds it, once that is known. */
export type Placed = { stage: Environment; before: Environment | undefined; about: PipelineStage | undefined };

/** The stages of an app, each with what surrounds it, and a page of its releases by where they were deployed. */
export function usePipeline(app: string, page: number, limit: number) {
  const path = { appId: app };
  const stages = useQuery({ ...listEnvironmentsOptions({ path }), ...live });
  const pipeline = useQuery({ ...getPipelineOptions({ path, query: { page, limit } }), ...live });
  return { stages, pipeline };
}

/** The stages in order, beside what the pipeline tells of them. */
export const placed = (stages: Environment[], pipeline: Pipeline | undefined): Placed[] =>
  stages.map((stage, at) => ({
    stage,
    before: stages[at - 1],
    about: pipeline?.stages.find(({ environment_id }) => environment_id === stage.id),
  }));
