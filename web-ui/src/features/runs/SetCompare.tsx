import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Equal } from 'lucide-react';
import { compareParameterSetsOptions } from '../../api/gen/@tanstack/react-query.gen';
import type { ParameterSet } from '../../api/gen/types.gen';
import { paths } from '../../paths';
import { Panel } from '../../ui/Page';
import { Badge } from '../../ui/Status';
import { Empty, Loaded } from '../../ui/states';
import type { Value } from '../parameters/edits';
import { ValueDiff } from '../parameters/ValueDiff';

type SetCompareProps = { app: string; left: string; right: string };

const rowsOf = (differing: Record<string, { left: unknown; right: unknown }>) =>
  Object.entries(differing).map(([name, { left, right }]) => ({ name, before: left as Value, after: right as Value }));

/** Two parameter sets side by side. */
export function SetCompare({ app, left, right }: SetCompareProps) {
  const difference = useQuery(compareParameterSetsOptions({ path: { appId: app }, query: { left, right } }));
  const head = (label: string, set: ParameterSet) => (
    <div className="min-w-0 flex-1">
      <p className="text-sm text-soft">{label}</p>
      <Link to={paths.parameterSet(app, set.hash)} className="font-mono font-semibold hover:underline">
        {set.hash.slice(0, 12)}
      </Link>
      <p className="text-soft">
        {set.environment}, version {set.config_version}, {set.release_tag}, program {set.code_version}
      </p>
    </div>
  );
  return (
    <Loaded query={difference}>
      {(found) => {
        const { values, factors, parameters, rules_left, rules_right, same_code, identical } = found;
        const declared = Object.keys(parameters);
        return (
          <div className="flex flex-col gap-4">
            <Panel>
              <div className="flex flex-wrap gap-6 px-4 py-3">
                {head('Before', found.left)}
                {head('After', found.right)}
                <span>{identical ? <Badge tone="good">Identical</Badge> : <Badge tone="info">They differ</Badge>}</span>
              </div>
            </Panel>
            {identical && (
              <Panel>
                <Empty icon={Equal} title="A run of either does the same" />
              </Panel>
            )}
            {!same_code && (
              <p className="rounded-md bg-warn-tint px-3 py-2 text-warn">The program's own version differs.</p>
            )}
            {Object.keys(values).length > 0 && (
              <Panel title="Values">
                <div className="p-3">
                  <ValueDiff rows={rowsOf(values)} />
                </div>
              </Panel>
            )}
            {Object.keys(factors).length > 0 && (
              <Panel title="Factors">
                <div className="p-3">
                  <ValueDiff rows={rowsOf(factors)} />
                </div>
              </Panel>
            )}
            {declared.length + rules_left.length + rules_right.length > 0 && (
              <Panel title="Catalog">
                <ul className="px-4 py-2">
                  {declared.map((name) => (
                    <li key={name} className="py-0.5">
                      <b className="font-semibold">{name}</b>{' '}
                      {!parameters[name]?.left
                        ? 'is new'
                        : !parameters[name]?.right
                          ? 'is gone'
                          : 'is declared otherwise'}
                    </li>
                  ))}
                  {rules_left.map((rule) => (
                    <li key={rule} className="py-0.5">
                      Rule gone: <code className="font-mono text-sm">{rule}</code>
                    </li>
                  ))}
                  {rules_right.map((rule) => (
                    <li key={rule} className="py-0.5">
                      New rule: <code className="font-mono text-sm">{rule}</code>
                    </li>
                  ))}
                </ul>
              </Panel>
            )}
          </div>
        );
      }}
    </Loaded>
  );
}
