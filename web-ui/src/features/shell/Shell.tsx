import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, Outlet, useLocation, useNavigate } from '@tanstack/react-router';
import { House, LogOut, type LucideIcon, Mail, Menu, Moon, Search, Sun, SunMoon } from 'lucide-react';
import { lazy, Suspense, useEffect, useState } from 'react';
import { listAppsOptions, meOptions } from '../../api/gen/@tanstack/react-query.gen';
import { logout } from '../../api/gen/sdk.gen';
import { paths } from '../../paths';
import { Button } from '../../ui/Button';
import { Select } from '../../ui/Field';
import { toast } from '../../ui/toast';
import { useFollow } from '../../util/follow';
import { chooseTheme, chosenTheme, type Theme } from '../../util/theme';
import { Connection } from './Connection';
import { placesOf } from './places';
import { useKeys } from './useKeys';

// Not needed to show a page; fetched once there is time for it.
const loadPalette = () => import('./Palette');
const loadShortcuts = () => import('./Shortcuts');
const Palette = lazy(async () => ({ default: (await loadPalette()).Palette }));
const Shortcuts = lazy(async () => ({ default: (await loadShortcuts()).Shortcuts }));
/** How long after the first page they are fetched, in milliseconds. */
const LATER = 2_000;

const NEXT: Record<Theme, Theme> = { system: 'light', light: 'dark', dark: 'system' };
const ICONS: Record<Theme, LucideIcon> = { system: SunMoon, light: Sun, dark: Moon };

/** Everything around a page: where one can go, who one is, and the keys. */
export function Shell() {
  const me = useQuery(meOptions());
  const apps = useQuery({ ...listAppsOptions({ query: { limit: 200 } }), enabled: me.isSuccess });
  const { pathname } = useLocation();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const [isOpen, setOpen] = useState(false);
  const [shown, show] = useState<'palette' | 'shortcuts' | undefined>();
  const [theme, setTheme] = useState(chosenTheme());
  const app = /^\/apps\/([^/]+)/.exec(pathname)?.[1];
  const places = app ? placesOf(app) : [];
  useFollow(me.isSuccess ? app : undefined);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the menu of a narrow screen closes with each new page
  useEffect(() => setOpen(false), [pathname]);
  useKeys({
    'mod+k': () => show('palette'),
    '?': () => show('shortcuts'),
    'g h': () => navigate({ to: paths.home }),
    ...Object.fromEntries(places.map((place) => [place.keys, () => navigate({ to: place.to })])),
  });
  useEffect(() => {
    const timer = setTimeout(() => Promise.all([loadPalette(), loadShortcuts()]).catch(() => undefined), LATER);
    return () => clearTimeout(timer);
  }, []);
  if (!me.data) return null;
  const item =
    'flex h-8 items-center gap-2.5 rounded-md px-2.5 font-medium text-soft hover:bg-hover hover:text-text data-[status=active]:bg-tint data-[status=active]:text-accent';
  return (
    <div className="min-h-screen md:grid md:grid-cols-[13.5rem_1fr]">
      <a
        href="#content"
        className="sr-only focus:not-sr-only focus:fixed focus:top-2 focus:left-2 focus:z-50 focus:rounded-md focus:bg-raised focus:p-2"
      >
        Skip to the page
      </a>
      <header className="flex items-center justify-between border-b border-line bg-panel px-3 py-2 md:hidden">
        <Link to={paths.home} className="flex items-center gap-2 font-semibold">
          <img src="/favicon.svg" alt="" className="size-6" /> Conman
        </Link>
        <Button look="quiet" icon={Menu} aria-label="Menu" aria-expanded={isOpen} onPress={() => setOpen(!isOpen)} />
      </header>
      <aside
        aria-label="Side bar"
        className={`${isOpen ? 'flex' : 'hidden'} flex-col gap-3 border-line bg-panel p-3 max-md:border-b md:sticky md:top-0 md:flex md:h-screen md:overflow-y-auto md:border-r`}
      >
        <Link to={paths.home} className="hidden items-center gap-2 px-1.5 pt-0.5 text-lg font-semibold md:flex">
          <img src="/favicon.svg" alt="" className="size-6" /> Conman
        </Link>
        <Select
          label="App"
          hideLabel
          value={app ?? ''}
          onChange={(event) => navigate({ to: event.target.value ? paths.app(event.target.value) : paths.home })}
          choices={[
            { value: '', label: 'All apps' },
            ...(apps.data?.data ?? []).map(({ id, name }) => ({ value: id, label: name })),
          ]}
        />
        <button
          type="button"
          onClick={() => show('palette')}
          className="flex h-8 items-center gap-2 rounded-md border border-line px-2.5 text-soft hover:bg-hover"
        >
          <Search aria-hidden size={14} /> Go to or do
          <kbd className="ml-auto font-sans text-sm">Ctrl K</kbd>
        </button>
        <nav aria-label="Main">
          <ul className="flex flex-col gap-0.5">
            <li>
              <Link to={paths.home} activeOptions={{ exact: true, includeSearch: false }} className={item}>
                <House aria-hidden size={15} /> Home
              </Link>
            </li>
            {me.data.instance_admin && !app && (
              <li>
                <Link to={paths.outbox} className={item}>
                  <Mail aria-hidden size={15} /> Outbox
                </Link>
              </li>
            )}
            {places.map(({ label, to, icon: Icon }) => (
              <li key={to}>
                <Link to={to} activeOptions={{ exact: label === 'Overview', includeSearch: false }} className={item}>
                  <Icon aria-hidden size={15} /> {label}
                </Link>
              </li>
            ))}
          </ul>
        </nav>
        <div className="mt-auto flex items-center gap-1 border-t border-line pt-3">
          <Link to={paths.me} className="flex min-w-0 flex-1 items-center gap-2 rounded-md p-1 hover:bg-hover">
            <span
              aria-hidden
              className="flex size-6 shrink-0 items-center justify-center rounded-full bg-tint text-sm font-semibold text-accent"
            >
              {me.data.name.charAt(0)}
            </span>
            <span className="truncate font-medium">{me.data.name}</span>
          </Link>
          <Button
            look="quiet"
            small
            icon={ICONS[theme]}
            aria-label={`Theme: ${theme}`}
            onPress={() => {
              chooseTheme(NEXT[theme]);
              setTheme(NEXT[theme]);
            }}
          />
          <Button
            look="quiet"
            small
            icon={LogOut}
            aria-label="Sign out"
            onPress={() =>
              logout()
                .then(() => {
                  queries.clear();
                  navigate({ to: paths.signIn });
                })
                .catch(toast.refused)
            }
          />
        </div>
      </aside>
      <main id="content" className="min-w-0">
        <Connection />
        <Outlet />
      </main>
      <Suspense>
        {shown === 'palette' && (
          <Palette isOpen onClose={() => show(undefined)} app={app} apps={apps.data?.data ?? []} />
        )}
        {shown === 'shortcuts' && <Shortcuts isOpen onClose={() => show(undefined)} />}
      </Suspense>
    </div>
  );
}
