import { Link } from '@tanstack/react-router';
import { Boxes, CheckCircle2, type LucideIcon, MinusCircle, PackageCheck } from 'lucide-react';
import type { Deployment, Environment, Pipeline } from '../../api/gen/types.gen';
import { paths } from '../../paths';
import { Panel } from '../../ui/Page';
import { Badge, type Tone } from '../../ui/Status';
import { Empty } from '../../ui/states';
import { Pager, Table } from '../../ui/Table';
import { Time } from '../../ui/Time';
import { DeploymentState } from './DeploymentState';

/** How a release stands on a stage that it was deployed to. */
function standing(deployment: Deployment, stage: Environment): [Tone, LucideIcon, string] | undefined {
  if (stage.running?.release_id === deployment.release_id && deployment.state === 'succeeded') {
    return ['good', CheckCircle2, 'Runs here'];
  }
  // What succeeded and does not run any more is past, and no success to be seen from afar.
  return deployment.state === 'succeeded' ? ['neutral', MinusCircle, 'Ran here'] : undefined;
}

function Cell({ app, deployment, stage }: { app: string; deployment: Deployment | undefined; stage: Environment }) {
  if (!deployment) {
    return (
      <span className="text-soft">
        <span aria-hidden>–</span>
        <span className="sr-only">Not deployed to {stage.name}</span>
      </span>
    );
  }
  const stands = standing(deployment, stage);
  const at = deployment.activated_at ?? deployment.created_at;
  return (
    <Link
      to={paths.deployment(app, deployment.id)}
      className="inline-flex flex-col items-start rounded hover:underline"
    >
      <span className="sr-only">
        {deployment.tag} on {stage.name}:{' '}
      </span>
      {stands ? (
        <Badge tone={stands[0]} icon={stands[1]}>
          {stands[2]}
        </Badge>
      ) : (
        <DeploymentState deployment={deployment} />
      )}
      <span className="pt-0.5 text-sm text-soft">
        <Time at={at} />
      </span>
    </Link>
  );
}

/** A release by its tag, and who published it when. */
function Called({ app, release }: { app: string; release: Placed }) {
  return (
    <>
      <Link
        to={paths.release(app, release.release_id)}
        className="font-mono font-semibold whitespace-nowrap hover:underline"
      >
        {release.tag}
      </Link>
      <span className="block text-sm text-soft">
        <Time at={release.published_at} />, by {release.published_by.name}
      </span>
    </>
  );
}

type Placed = Pipeline['data'][number];

/** The newest deployment of a release to a stage, if there is one. */
const on = (stage: Environment, release: Placed) =>
  release.deployments.find(({ environment_id }) => environment_id === stage.id);

type GridProps = { app: string; stages: Environment[]; pipeline: Pipeline; onPage: (page: number) => void };

/**
 * Releases below one another, stages beside one another: where each release is, was, and did not get to. On a phone the
 * stages stand below their release.
 */
export function ReleaseGrid({ app, stages, pipeline, onPage }: GridProps) {
  const { data: releases, page, limit, total } = pipeline;
  return (
    <Panel
      title="Releases by stage"
      aside={
        <Link to={paths.releases(app)} className="rounded text-sm text-accent hover:underline">
          All releases
        </Link>
      }
    >
      {releases.length === 0 ? (
        <Empty icon={PackageCheck} title="No release is published yet">
          Compose one of{' '}
          <Link to={paths.queue(app)} className="text-accent underline">
            queued changesets
          </Link>
          , and publish it.
        </Empty>
      ) : stages.length === 0 ? (
        <Empty icon={Boxes} title="There is no stage yet" />
      ) : (
        <>
          <div className="max-sm:hidden">
            <Table label="Releases by stage" head={['Release', ...stages.map(({ name }) => name)]}>
              {releases.map((release) => (
                <tr key={release.release_id}>
                  <th scope="row" className="border-t border-line px-4 py-2 text-left align-top font-normal">
                    <Called app={app} release={release} />
                  </th>
                  {stages.map((stage) => (
                    <td key={stage.id}>
                      <Cell app={app} stage={stage} deployment={on(stage, release)} />
                    </td>
                  ))}
                </tr>
              ))}
            </Table>
          </div>
          <ul aria-label="Releases by stage" className="sm:hidden">
            {releases.map((release) => (
              <li key={release.release_id} className="border-t border-line px-4 py-2 first:border-t-0">
                <Called app={app} release={release} />
                <ul className="pt-1">
                  {stages.map((stage) => (
                    <li key={stage.id} className="grid grid-cols-[minmax(0,1fr)_minmax(0,2fr)] gap-2 py-0.5">
                      <span className="text-sm break-words text-soft">{stage.name}</span>
                      <Cell app={app} stage={stage} deployment={on(stage, release)} />
                    </li>
                  ))}
                </ul>
              </li>
            ))}
          </ul>
          <Pager page={page} limit={limit} total={total} onPage={onPage} />
        </>
      )}
    </Panel>
  );
}
