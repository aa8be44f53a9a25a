import { CheckCircle2, Info, TriangleAlert, XCircle } from 'lucide-react';
import type { Finding } from '../../api/gen/types.gen';

const LOOKS = {
  error: [XCircle, 'text-bad', 'Error'],
  warning: [TriangleAlert, 'text-warn', 'Warning'],
  info: [Info, 'text-info', 'Note'],
} as const;

const lookOf = ({ severity }: Finding) => LOOKS[severity as keyof typeof LOOKS] ?? LOOKS.info;

/** How many there are of what, in words. */
export function counted(findings: Finding[]): string {
  const errors = findings.filter(({ severity }) => severity === 'error').length;
  const others = findings.length - errors;
  const words = [
    errors > 0 && `${errors} ${errors === 1 ? 'error' : 'errors'}`,
    others > 0 && `${others} ${others === 1 ? 'warning' : 'warnings'}`,
  ];
  return words.filter(Boolean).join(', ') || 'No problems';
}

type ProblemsProps = {
  /** Nothing before the first answer. */
  findings: Finding[] | undefined;
  onGo: (line: number, column: number) => void;
};

/** What is wrong with the text as it is typed; each leads to its place. */
export function Problems({ findings, onGo }: ProblemsProps) {
  if (!findings) return null;
  return (
    <section aria-label="Problems" className="max-h-40 shrink-0 overflow-y-auto border-t border-line bg-sunken text-sm">
      <p role="status" className="flex items-center gap-1.5 px-3 py-1 text-soft">
        {findings.length === 0 && <CheckCircle2 aria-hidden size={14} className="text-good" />}
        {counted(findings)}
      </p>
      {findings.length > 0 && (
        <ul>
          {findings.map((finding) => {
            const [Icon, colour, word] = lookOf(finding);
            return (
              <li key={`${finding.line}:${finding.column}:${finding.message}`}>
                <button
                  type="button"
                  className="flex w-full items-start gap-2 px-3 py-1 text-left hover:bg-hover"
                  onClick={() => onGo(finding.line ?? 1, finding.column ?? 1)}
                >
                  <Icon aria-hidden size={14} className={`mt-0.5 shrink-0 ${colour}`} />
                  <span className="min-w-0">
                    <span className="sr-only">{word}: </span>
                    {finding.message}
                    {finding.hint && <span className="text-soft">; {finding.hint}</span>}
                    {finding.line && <span className="ml-2 font-mono text-xs text-soft">line {finding.line}</span>}
                  </span>
                </button>
              </li>
            );
          })}
        </ul>
      )}
    </section>
  );
}
