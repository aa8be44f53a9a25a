import { Check } from 'lucide-react';

type TogglesProps = {
  label: string;
  choices: { value: string; label: string }[];
  picked: string[];
  onPick: (picked: string[]) => void;
};

/** Several of a few choices, each switched by itself. */
export function Toggles({ label, choices, picked, onPick }: TogglesProps) {
  const toggled = (value: string) =>
    choices.map((choice) => choice.value).filter((one) => (one === value) !== picked.includes(one));
  return (
    <fieldset className="flex flex-wrap gap-1.5">
      <legend className="sr-only">{label}</legend>
      {choices.map(({ value, label }) => {
        const isPicked = picked.includes(value);
        return (
          <button
            key={value}
            type="button"
            aria-pressed={isPicked}
            onClick={() => onPick(toggled(value))}
            className={`inline-flex h-7 items-center gap-1 rounded-full border px-2.5 text-sm ${
              isPicked ? 'border-accent bg-tint text-accent' : 'border-edge text-soft hover:bg-hover'
            }`}
          >
            {isPicked && <Check aria-hidden size={12} />}
            {label}
          </button>
        );
      })}
    </fieldset>
  );
}
