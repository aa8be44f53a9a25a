import {
  BookOpen,
  Boxes,
  FileClock,
  FileSliders,
  FlaskConical,
  GitPullRequestArrow,
  Layers,
  ListOrdered,
  type LucideIcon,
  PackageCheck,
  PencilRuler,
  Settings,
  Users,
  Wrench,
} from 'lucide-react';
import { paths } from '../../paths';

type Place = { label: string; to: string; icon: LucideIcon; keys: string };

/** The pages of an app, in the order of the side bar; the same list feeds the palette and the keys. */
export const placesOf = (app: string): Place[] => [
  { label: 'Overview', to: paths.app(app), icon: Layers, keys: 'g o' },
  { label: 'Workspaces', to: paths.workspaces(app), icon: PencilRuler, keys: 'g w' },
  { label: 'Changesets', to: paths.changesets(app), icon: GitPullRequestArrow, keys: 'g c' },
  { label: 'Queue', to: paths.queue(app), icon: ListOrdered, keys: 'g q' },
  { label: 'Releases', to: paths.releases(app), icon: PackageCheck, keys: 'g r' },
  { label: 'Environments', to: paths.environments(app), icon: Boxes, keys: 'g e' },
  { label: 'Catalog', to: paths.catalog(app), icon: BookOpen, keys: 'g t' },
  { label: 'Profiles', to: paths.profiles(app), icon: FileSliders, keys: 'g p' },
  { label: 'Runs', to: paths.runs(app), icon: FlaskConical, keys: 'g u' },
  { label: 'Jobs', to: paths.jobs(app), icon: Wrench, keys: 'g j' },
  { label: 'Audit', to: paths.audit(app), icon: FileClock, keys: 'g a' },
  { label: 'Members', to: paths.members(app), icon: Users, keys: 'g m' },
  { label: 'Settings', to: paths.settings(app), icon: Settings, keys: 'g s' },
];
