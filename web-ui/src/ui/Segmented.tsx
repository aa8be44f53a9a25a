import type { LucideIcon } from 'lucide-react';

type Option = { id: string; label: string; icon: LucideIcon };
type SegmentedProps = { label: string; options: Option[]; selected: string; onSelect: (id: string) => void };

/** Ways to see the same; the chosen one belongs into the address. */
export function Segmented({ label, options, selected, onSelect }: SegmentedProps) {
  return (
    <fieldset className="flex rounded-md border border-line bg-sunken p-0.5">
      <legend className="sr-only">{label}</legend>
      {options.map(({ id, label: name, icon: Icon }) => (
        <button
          key={id}
          type="button"
          aria-pressed={id === selected}
          onClick={() => onSelect(id)}
          className="inline-flex h-6.5 items-center gap-1.5 rounded px-2 text-sm font-medium text-soft hover:text-text aria-pressed:bg-raised aria-pressed:text-text aria-pressed:shadow-raised"
        >
          <Icon aria-hidden size={14} />
          {name}
        </button>
      ))}
    </fieldset>
  );
}
