import type { LucideIcon } from 'lucide-react';

type Look = 'primary' | 'plain' | 'quiet' | 'danger';

const LOOKS: Record<Look, string> = {
  primary: 'bg-accent text-on-accent border-accent hover:bg-accent-strong hover:border-accent-strong',
  plain: 'bg-raised text-text border-line shadow-raised hover:bg-hover',
  quiet: 'bg-transparent text-soft border-transparent hover:bg-hover hover:text-text',
  danger: 'bg-raised text-bad border-line shadow-raised hover:bg-bad-tint',
};

/** What buttons and links that look like buttons share. */
export const buttonLook = (look: Look = 'plain', small = false) =>
  `inline-flex items-center justify-center gap-1.5 rounded-md border font-medium whitespace-nowrap transition-colors ${
    small ? 'h-7 px-2 text-sm' : 'h-8 px-3'
  } disabled:opacity-50 ${LOOKS[look]}`;

type ButtonProps = Pick<
  React.ComponentProps<'button'>,
  'type' | 'aria-label' | 'aria-expanded' | 'aria-describedby' | 'children'
> & {
  look?: Look;
  small?: boolean;
  icon?: LucideIcon;
  isDisabled?: boolean;
  isPending?: boolean;
  onPress?: () => void;
};

/**
 * A button; while pending it cannot be pressed again and says so, and keeps the focus. It is the browser's own: the
 * first page needs no library for it.
 */
export function Button({
  look,
  small,
  icon: Icon,
  children,
  isDisabled,
  isPending,
  onPress,
  type,
  ...aria
}: ButtonProps) {
  return (
    <button
      {...aria}
      type={isPending ? 'button' : (type ?? 'button')}
      disabled={isDisabled}
      aria-busy={isPending || undefined}
      onClick={() => !isPending && onPress?.()}
      className={buttonLook(look, small)}
    >
      {Icon && <Icon aria-hidden size={14} className={isPending ? 'animate-pulse' : ''} />}
      {children}
      {isPending && <span className="sr-only">, in progress</span>}
    </button>
  );
}
