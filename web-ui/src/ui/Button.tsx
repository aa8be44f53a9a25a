import type { LucideIcon } from 'lucide-react';
import { Button as AriaButton, type ButtonProps as AriaButtonProps } from 'react-aria-components';

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
  } data-disabled:opacity-50 disabled:opacity-50 ${LOOKS[look]}`;

type ButtonProps = Omit<AriaButtonProps, 'className' | 'children'> & {
  look?: Look;
  small?: boolean;
  icon?: LucideIcon;
  children?: React.ReactNode;
};

/** A button; while pending it cannot be pressed again and says so. */
export function Button({ look, small, icon: Icon, children, isPending, onPress, type, ...props }: ButtonProps) {
  return (
    <AriaButton
      {...props}
      type={isPending ? 'button' : (type ?? 'button')}
      {...(onPress && !isPending ? { onPress } : {})}
      className={buttonLook(look, small)}
    >
      {Icon && <Icon aria-hidden size={14} className={isPending ? 'animate-pulse' : ''} />}
      {children}
      {isPending && <span className="sr-only">, in progress</span>}
    </AriaButton>
  );
}
