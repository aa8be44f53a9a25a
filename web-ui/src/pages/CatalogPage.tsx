import { useQuery } from '@tanstack/react-query';
import { BookOpen, Plus, TriangleAlert } from 'lucide-react';
import { useState } from 'react';
import { getAppOptions, getCatalogOptions } from '../api/gen/@tanstack/react-query.gen';
import type { DeclaredParameter } from '../api/gen/types.gen';
import { ParameterForm } from '../features/catalog/ParameterForm';
import { canWiden, WidenForm } from '../features/catalog/WidenForm';
import { boundsOf } from '../features/parameters/bounds';
import { textOf, type Value } from '../features/parameters/edits';
import { Button } from '../ui/Button';
import { inputLook } from '../ui/Field';
import { Page, Panel } from '../ui/Page';
import { Badge, words } from '../ui/Status';
import { Empty, Loaded } from '../ui/states';
import { useFilters, useIdOf } from '../util/where';

/** The catalog of parameters as the next release will have it, and the two commonest edits of it as forms. */
export function CatalogPage() {
  const appId = useIdOf('appId');
  const [search, change] = useFilters();
  const app = useQuery(getAppOptions({ path: { appId } }));
  const catalog = useQuery(getCatalogOptions({ path: { appId } }));
  const [asked, ask] = useState<DeclaredParameter | 'new' | undefined>();
  const canEdit = app.data?.allowed_actions.includes('author') ?? false;
  const all = catalog.data?.parameters ?? [];
  const groups = [...new Set(all.map(({ group }) => group))].sort();
  const wanted = (search.q ?? '').toLowerCase();
  const shown = all.filter(({ name, description, group, owner }) =>
    [name, description, group, owner ?? ''].some((text) => text.toLowerCase().includes(wanted)),
  );
  return (
    <Page
      title="Catalog"
      note="The parameters of the next release. A change is a changeset like any other: reviewed, released and deployed."
      actions={
        canEdit && (
          <Button icon={Plus} onPress={() => ask('new')}>
            Add a parameter
          </Button>
        )
      }
    >
      <Loaded query={catalog} rows={10}>
        {({ rules, commit }) => (
          <>
            <div className="flex flex-wrap items-center gap-3">
              <input
                type="search"
                aria-label="Search the catalog"
                placeholder="Name, owner, description"
                className={`${inputLook} max-w-72`}
                value={search.q ?? ''}
                onChange={(event) => change({ q: event.target.value })}
              />
              <span className="text-sm text-soft">
                {shown.length} of {all.length}, at commit <code className="font-mono">{commit.slice(0, 10)}</code>
              </span>
            </div>
            {shown.length === 0 && (
              <Panel>
                <Empty icon={BookOpen} title={all.length === 0 ? 'No parameters yet' : 'No parameter like that'}>
                  {all.length === 0 && 'Add one; programs read its value in each environment.'}
                </Empty>
              </Panel>
            )}
            {groups
              .filter((group) => shown.some((parameter) => parameter.group === group))
              .map((group) => (
                <Panel key={group} title={group ? words(group) : 'Others'}>
                  <ul>
                    {shown
                      .filter((parameter) => parameter.group === group)
                      .map((parameter) => (
                        <Declared
                          key={parameter.name}
                          parameter={parameter}
                          onWiden={canEdit && canWiden(parameter) ? () => ask(parameter) : undefined}
                        />
                      ))}
                  </ul>
                </Panel>
              ))}
            {rules.length > 0 && (
              <Panel title="What must hold between them">
                <ul className="px-4 py-2">
                  {rules.map((rule) => (
                    <li key={rule} className="py-0.5 font-mono text-sm break-all">
                      {rule}
                    </li>
                  ))}
                </ul>
              </Panel>
            )}
          </>
        )}
      </Loaded>
      {asked === 'new' && <ParameterForm app={appId} groups={groups.filter(Boolean)} onClose={() => ask(undefined)} />}
      {asked && asked !== 'new' && <WidenForm app={appId} parameter={asked} onClose={() => ask(undefined)} />}
    </Page>
  );
}

type DeclaredProps = { parameter: DeclaredParameter; onWiden: (() => void) | undefined };

function Declared({ parameter, onWiden }: DeclaredProps) {
  const hasDefault = parameter.default !== undefined && parameter.default !== null;
  const facts = [
    parameter.type,
    hasDefault ? `default ${textOf(parameter.default as Value)}` : parameter.required ? 'must be set' : 'no default',
    boundsOf(parameter),
    parameter.category ? words(parameter.category).toLowerCase() : '',
    parameter.owner ? `owner ${parameter.owner}` : '',
  ];
  return (
    <li className="flex flex-wrap items-start gap-3 border-t border-line px-4 py-2 first:border-t-0">
      <div className="min-w-56 flex-1">
        <p className="flex flex-wrap items-center gap-1.5">
          <b className="font-semibold break-all">{parameter.name}</b>
          {parameter.critical && (
            <Badge tone="bad" icon={TriangleAlert}>
              Critical
            </Badge>
          )}
          {parameter.deprecated && <Badge tone="warn">Deprecated</Badge>}
          {!parameter.hot_reloadable && <Badge tone="warn">At restart</Badge>}
          {parameter.excluded_from_runs && <Badge>Not in runs</Badge>}
        </p>
        {parameter.description && <p className="break-words">{parameter.description}</p>}
        <p className="text-sm break-words text-soft">{facts.filter(Boolean).join(', ')}</p>
        <p className="font-mono text-xs text-soft">{parameter.file}</p>
      </div>
      {onWiden && (
        <Button small aria-label={`Widen ${parameter.name}`} onPress={onWiden}>
          Widen
        </Button>
      )}
    </li>
  );
}
