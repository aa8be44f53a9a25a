import { useQuery } from '@tanstack/react-query';
import { Check } from 'lucide-react';
import { listReviewsOptions } from '../../api/gen/@tanstack/react-query.gen';
import { analyzeChangeset } from '../../api/gen/sdk.gen';
import type { Changeset, ValidatedRevision } from '../../api/gen/types.gen';
import { Panel } from '../../ui/Page';
import { Badge, Status, words } from '../../ui/Status';
import { Empty, Loaded } from '../../ui/states';
import { Time } from '../../ui/Time';
import { live } from '../../util/act';
import { Findings } from './Findings';
import { Prose } from './SemanticList';

type Path = { appId: string; changesetId: string };

/** What refers to what changes. */
export function Impacts({ path }: { path: Path }) {
  const impacts = useQuery({
    queryKey: ['impact', path],
    queryFn: async () => (await analyzeChangeset({ path, query: { limit: 200 } })).data,
    staleTime: 60_000,
  });
  return (
    <Panel title="What it may break">
      <Loaded query={impacts}>
        {({ data }) =>
          data.length === 0 ? (
            <Empty icon={Check} title="Nothing refers to what changes" />
          ) : (
            <ul>
              {data.map((impact) => (
                <li
                  key={impact.change_id + impact.subject}
                  className="flex gap-2 border-t border-line px-4 py-2 first:border-t-0"
                >
                  <span>
                    <Badge
                      tone={impact.severity === 'critical' ? 'bad' : impact.severity === 'warning' ? 'warn' : 'info'}
                    >
                      {words(impact.severity)}
                    </Badge>
                  </span>
                  <span className="min-w-0 break-words">
                    <Prose text={impact.description} />
                  </span>
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
    </Panel>
  );
}

/** Who decided what, on which revision. */
export function Approvals({ path, changeset }: { path: Path; changeset: Changeset }) {
  const reviews = useQuery({ ...listReviewsOptions({ path }), ...live });
  const missing = changeset.approvals_required - changeset.approvals.length;
  return (
    <Panel title={`Approvals: ${changeset.approvals.length} of ${changeset.approvals_required}`}>
      <ul className="px-4 py-2">
        {(reviews.data?.data ?? []).map((review) => (
          <li key={review.id} className="flex flex-wrap items-center gap-2 py-1">
            <Status
              state={
                review.verdict === 'approve'
                  ? 'approved'
                  : review.verdict === 'reject'
                    ? 'rejected'
                    : 'changes_requested'
              }
            />
            <span className="min-w-0 flex-1">
              {review.reviewer.name} on revision {review.revision}
              {review.comment && <span className="block break-words text-soft">{review.comment}</span>}
            </span>
          </li>
        ))}
        {missing > 0 && (
          <li className="py-1 text-soft">{missing === 1 ? 'One approval is' : `${missing} approvals are`} missing.</li>
        )}
      </ul>
    </Panel>
  );
}

/** The revisions with what their validation found, newest first. */
export function Revisions({ list }: { list: ValidatedRevision[] }) {
  return (
    <Panel title="Revisions">
      {list.length === 0 && <p className="px-4 py-3 text-soft">None is submitted yet.</p>}
      <ul>
        {[...list].reverse().map((revision) => (
          <li key={revision.number} className="border-t border-line first:border-t-0">
            <div className="flex flex-wrap items-center gap-2 px-4 py-2">
              <b className="font-semibold">{revision.number}</b>
              <span className="min-w-0 flex-1 text-sm text-soft">
                {revision.submitted_by.name}, <Time at={revision.submitted_at} />
                <span className="block font-mono text-xs">{revision.head.slice(0, 10)}</span>
              </span>
              <Badge
                tone={revision.validation === 'passed' ? 'good' : revision.validation === 'failed' ? 'bad' : 'info'}
              >
                Validation {revision.validation}
              </Badge>
            </div>
            {revision.findings.length > 0 && <Findings list={revision.findings} />}
          </li>
        ))}
      </ul>
    </Panel>
  );
}
