import { Link } from '@tanstack/react-router';
import type { About as Thing } from '../../api/gen/types.gen';
import { addressOf } from '../../util/place';

type AboutProps = { app: string; thing: Thing | null | undefined };

/** What something is about, with the way there. */
export function About({ app, thing }: AboutProps) {
  if (!thing) return null;
  if (!thing.page) return <span className="break-words">{thing.name}</span>;
  return (
    <Link to={addressOf(app, thing.page)} className="rounded break-words hover:underline">
      {thing.name}
    </Link>
  );
}
