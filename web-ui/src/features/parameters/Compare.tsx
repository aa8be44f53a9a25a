import { useQuery } from '@tanstack/react-query';
import { Equal } from 'lucide-react';
import { compareEnvironmentsOptions } from '../../api/gen/@tanstack/react-query.gen';
import type { Environment } from '../../api/gen/types.gen';
import { inputLook, Select } from '../../ui/Field';
import { Panel } from '../../ui/Page';
import { Empty, Loaded } from '../../ui/states';
import { useFilters } from '../../util/where';
import { ValueDiff } from './ValueDiff';
import { type ConfigVersion, rowsOf } from './versions';

/** How the parameters of two environments, or of two versions of one, differ. */
export function Compare({ path, stages }: { path: { appId: string; envId: string }; stages: Environment[] }) {
  const [search, change] = useFilters();
  const other = stages.find(({ name }) => name === search.view) ?? stages.find(({ id }) => id !== path.envId);
  const difference = useQuery({
    ...compareEnvironmentsOptions({
      path,
      query: {
        ...(other ? { with: other.id } : {}),
        ...(search.from ? { from: search.from } : {}),
        ...(search.until ? { to: search.until } : {}),
      },
    }),
    enabled: other !== undefined,
  });
  const version = (label: string, key: 'from' | 'until') => (
    <label className="flex flex-col gap-1 font-medium">
      {label}
      <input
        type="number"
        min={1}
        placeholder="Running"
        className={`${inputLook} w-28`}
        value={search[key] ?? ''}
        onChange={(event) => change({ [key]: Number(event.target.value) || undefined })}
      />
    </label>
  );
  return (
    <Panel>
      <div className="flex flex-wrap items-end gap-3 border-b border-line p-4">
        {version('Version here', 'from')}
        <div className="w-44">
          <Select
            label="with"
            value={other?.name ?? ''}
            onChange={(event) => change({ view: event.target.value })}
            choices={stages.map(({ id, name }) => ({
              value: name,
              label: id === path.envId ? `${name} (itself)` : name,
            }))}
          />
        </div>
        {version('Its version', 'until')}
      </div>
      <div className="p-4">
        <Loaded query={difference}>
          {({ parameters }) => {
            const rows = rowsOf(parameters as ConfigVersion['parameters']);
            return rows.length === 0 ? (
              <Empty icon={Equal} title="All parameters are the same" />
            ) : (
              <ValueDiff rows={rows} />
            );
          }}
        </Loaded>
      </div>
    </Panel>
  );
}
