import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { Autocomplete, Input, ListBox, ListBoxItem, SearchField, useFilter } from 'react-aria-components';
import { listChangesetsOptions, listEnvironmentsOptions } from '../../api/gen/@tanstack/react-query.gen';
import type { App } from '../../api/gen/types.gen';
import { paths } from '../../paths';
import { Dialog } from '../../ui/Dialog';
import { placesOf } from './places';

type PaletteProps = { isOpen: boolean; onClose: () => void; app: string | undefined; apps: App[] };

/** One field that leads anywhere: pages, apps, environments, changesets. */
export function Palette({ isOpen, onClose, app, apps }: PaletteProps) {
  const { contains } = useFilter({ sensitivity: 'base' });
  const navigate = useNavigate();
  const [text, setText] = useState('');
  const inApp = { path: { appId: app ?? '' } };
  const isOn = isOpen && app !== undefined;
  const environments = useQuery({ ...listEnvironmentsOptions(inApp), enabled: isOn });
  const changesets = useQuery({ ...listChangesetsOptions({ ...inApp, query: { limit: 100 } }), enabled: isOn });
  const entries: { id: string; kind: string; label: string }[] = [
    ...(app ? placesOf(app).map(({ to, label }) => ({ id: to, kind: 'Page', label })) : []),
    ...(app ? (environments.data?.data ?? []) : []).map(({ id, name }) => ({
      id: paths.parameters(app ?? '', id),
      kind: 'Parameters',
      label: `Parameters of ${name}`,
    })),
    ...(app ? (environments.data?.data ?? []) : []).map(({ id, name }) => ({
      id: paths.environment(app ?? '', id),
      kind: 'Environment',
      label: name,
    })),
    ...(app ? (changesets.data?.data ?? []) : []).map(({ id, number, title }) => ({
      id: paths.changeset(app ?? '', id),
      kind: 'Changeset',
      label: `#${number} ${title}`,
    })),
    ...apps.map(({ id, name }) => ({ id: paths.app(id), kind: 'App', label: name })),
    { id: paths.home, kind: 'Page', label: 'Home' },
    { id: paths.me, kind: 'Page', label: 'Your account and tokens' },
  ];
  const seen = new Set<string>();
  const items = entries.filter(({ id }) => !seen.has(id) && seen.add(id));
  const close = () => {
    setText('');
    onClose();
  };
  return (
    <Dialog title="Go to" isOpen={isOpen} onClose={close}>
      <Autocomplete filter={contains} inputValue={text} onInputChange={setText}>
        <SearchField aria-label="Go to" autoFocus>
          <Input
            placeholder="A page, an environment, #changeset, …"
            className="h-9 w-full rounded-md border border-edge bg-panel px-3 placeholder:text-soft"
          />
        </SearchField>
        <ListBox
          aria-label="Places"
          items={items}
          className="mt-2 flex max-h-80 flex-col overflow-y-auto"
          renderEmptyState={() => <p className="p-3 text-soft">Nothing is called that.</p>}
          onAction={(key) => {
            close();
            navigate({ to: String(key) });
          }}
        >
          {({ id, kind, label }) => (
            <ListBoxItem
              id={id}
              textValue={`${label} ${kind}`}
              className="flex cursor-pointer items-center justify-between gap-3 rounded-md px-3 py-1.5 data-focused:bg-tint"
            >
              <span className="truncate">{label}</span>
              <span className="text-sm text-soft">{kind}</span>
            </ListBoxItem>
          )}
        </ListBox>
      </Autocomplete>
    </Dialog>
  );
}
