import { Link } from '@tanstack/react-router';
import type { Subject } from './useSubjects';

/** What something is about, with the way there. */
export function About({ subject }: { subject: Subject | undefined }) {
  if (subject === undefined) return null;
  return (
    <Link to={subject.to} className="rounded break-words hover:underline">
      {subject.name}
    </Link>
  );
}
