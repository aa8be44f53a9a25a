import { Link } from '@tanstack/react-router';
import { Flag } from 'lucide-react';
import { paths } from '../../paths';
import { Panel } from '../../ui/Page';
import { Badge } from '../../ui/Status';
import { Table } from '../../ui/Table';
import { PutOn } from './PutOn';
import { Fleet, Next, Signals, Since } from './StageFacts';
import type { Placed } from './usePipeline';

/** The stages of an app below one another: the same as the picture tells, a line each. */
export function StageTable({ app, list }: { app: string; list: Placed[] }) {
  return (
    <Panel title="Stages">
      <Table label="Stages" head={['Stage', 'Runs', 'Workers', 'Next', '']}>
        {list.map((placed) => {
          const { stage, before } = placed;
          return (
            <tr key={stage.id}>
              <td>
                <Link to={paths.environment(app, stage.id)} className="font-semibold hover:underline">
                  {stage.name}
                </Link>
                {stage.canonical && (
                  <span className="block pt-0.5">
                    <Badge tone="info" icon={Flag}>
                      Canonical
                    </Badge>
                  </span>
                )}
              </td>
              <td>
                {stage.running ? (
                  <>
                    <Link
                      to={paths.release(app, stage.running.release_id)}
                      className="font-mono font-semibold hover:underline"
                    >
                      {stage.running.release_tag}
                    </Link>
                    <span className="block text-sm text-soft">
                      <Since placed={placed} />
                    </span>
                    <span className="block text-sm text-soft">
                      Version {stage.running.config_version}, profile revision {stage.running.profile_revision}
                    </span>
                  </>
                ) : (
                  <span className="text-soft">Nothing yet</span>
                )}
              </td>
              <td>
                <span className="flex flex-col gap-1.5">
                  {stage.running && <Fleet app={app} placed={placed} />}
                  <Signals app={app} placed={placed} />
                </span>
              </td>
              <td className="min-w-40 text-sm text-soft">
                <Next placed={placed} />
              </td>
              <td>
                <span className="flex justify-end gap-1.5">
                  <PutOn app={app} stage={stage} before={before} small />
                </span>
              </td>
            </tr>
          );
        })}
      </Table>
    </Panel>
  );
}
