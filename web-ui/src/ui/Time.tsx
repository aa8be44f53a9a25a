const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
];
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
const absolute = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'medium' });
const day = new Intl.DateTimeFormat('en', { dateStyle: 'medium' });

/** How far an instant lies from another, in words; dates further than a month away are told as dates. */
export function ago(at: string, now = Date.now()): string {
  const seconds = (new Date(at).getTime() - now) / 1000;
  if (Math.abs(seconds) > 30 * 86_400) return day.format(new Date(at));
  const step = STEPS.find(([, size]) => Math.abs(seconds) >= size);
  return step ? relative.format(Math.round(seconds / step[1]), step[0]) : 'just now';
}

/** An instant, with its exact form at hand. */
export function Time({ at }: { at: string }) {
  return (
    <time dateTime={at} title={absolute.format(new Date(at))} className="whitespace-nowrap">
      {ago(at)}
    </time>
  );
}
