import { useQuery } from '@tanstack/react-query';
import { CalendarClock, History as Rewind } from 'lucide-react';
import { useState } from 'react';
import { getEnvironmentConfigOptions, getEnvironmentThenOptions } from '../../api/gen/@tanstack/react-query.gen';
import type { Environment } from '../../api/gen/types.gen';
import { Button } from '../../ui/Button';
import { TextField } from '../../ui/Field';
import { Panel } from '../../ui/Page';
import { Badge } from '../../ui/Status';
import { Empty, Loaded } from '../../ui/states';
import { Table } from '../../ui/Table';
import { useFilters } from '../../util/where';
import { clock, instantOf, localOf, ownZone } from '../freezes/schedule';
import { same, textOf, type Value } from './edits';
import { Restore } from './Restore';
import type { ConfigThen } from './versions';

type TimeTravelProps = { path: { appId: string; envId: string }; stage: Environment | undefined };

/** The values that ran at an instant, beside those that run now. */
export function TimeTravel({ path, stage }: TimeTravelProps) {
  const [search, change] = useFilters();
  const [restored, restore] = useState<number | undefined>();
  const [onlyOthers, setOnlyOthers] = useState(true);
  const then = useQuery({
    ...getEnvironmentThenOptions({ path, query: search.at ? { at: search.at } : {} }),
    enabled: search.at !== undefined,
    retry: false,
  });
  const now = useQuery(getEnvironmentConfigOptions({ path })).data?.parameters ?? {};
  const canRestore = stage?.allowed_actions.includes('save_parameters');
  return (
    <Panel>
      <div className="flex flex-wrap items-start gap-3 border-b border-line p-4">
        <div className="w-60">
          <TextField
            label="Values at"
            type="datetime-local"
            step={1}
            hint={`By the clock here, ${ownZone()}`}
            value={search.at ? localOf(search.at, true) : ''}
            onChange={(event) => change({ at: event.target.value ? instantOf(event.target.value) : undefined })}
          />
        </div>
        <label className="flex items-center gap-1.5 pt-7">
          <input
            type="checkbox"
            className="size-4 accent-accent"
            checked={onlyOthers}
            onChange={(event) => setOnlyOthers(event.target.checked)}
          />
          Only what differs from now
        </label>
      </div>
      {search.at === undefined ? (
        <Empty icon={CalendarClock} title="Choose an instant">
          Here is what ran then, and the way back to it.
        </Empty>
      ) : (
        <Loaded query={then}>
          {(body) => {
            const { version, parameters } = body as ConfigThen;
            const names = [...new Set([...Object.keys(parameters), ...Object.keys(now)])].sort();
            const rows = names
              .map((name) => ({ name, was: parameters[name]?.value, is: now[name]?.value as Value | undefined }))
              .filter(({ was, is }) => !onlyOthers || !same(was, is));
            return (
              <>
                <div className="flex flex-wrap items-center gap-2 px-4 py-2.5">
                  <b className="font-semibold">Version {version.config_version}</b>
                  <span className="min-w-0 flex-1 text-soft">
                    from {version.changed_by}, {clock(version.at)}, {version.release_tag}
                    {version.reason && `: ${version.reason}`}
                  </span>
                  {version.config_version === stage?.running?.config_version ? (
                    <Badge tone="good">Runs now</Badge>
                  ) : (
                    canRestore && (
                      <Button small icon={Rewind} onPress={() => restore(version.config_version)}>
                        Restore these values
                      </Button>
                    )
                  )}
                </div>
                {rows.length === 0 ? (
                  <p className="px-4 pb-4 text-soft">The same values as now.</p>
                ) : (
                  <Table label="Values then and now" head={['Parameter', 'Then', 'Now']}>
                    {rows.map(({ name, was, is }) => (
                      <tr key={name}>
                        <td className="font-medium break-all">{name}</td>
                        <td className="font-mono text-sm break-all">{was === undefined ? 'none' : textOf(was)}</td>
                        <td className={`font-mono text-sm break-all ${same(was, is) ? 'text-soft' : 'bg-warn-tint'}`}>
                          {is === undefined ? 'none' : textOf(is)}
                        </td>
                      </tr>
                    ))}
                  </Table>
                )}
                {restored && stage && (
                  <Restore path={path} stage={stage} version={restored} onClose={() => restore(undefined)} />
                )}
              </>
            );
          }}
        </Loaded>
      )}
    </Panel>
  );
}
