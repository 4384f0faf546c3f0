// Buttons and links that look alike everywhere.
import type { ButtonHTMLAttributes, ReactNode } from 'react';

type Kind = 'plain' | 'primary' | 'danger' | 'quiet';
const KINDS: Readonly<Record<Kind, string>> = {
  plain: 'border border-line-strong bg-card text-ink hover:bg-hover',
  primary: 'border border-transparent bg-accent text-accent-ink hover:opacity-90',
  danger: 'border border-bad bg-card text-bad hover:bg-bad-soft',
  quiet: 'border border-transparent text-soft hover:bg-hover hover:text-ink',
};

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  readonly kind?: Kind;
  readonly small?: boolean;
}

export const buttonClass = (kind: Kind = 'plain', small = false): string =>
  `inline-flex items-center justify-center gap-1.5 rounded-lg font-medium whitespace-nowrap transition-colors disabled:opacity-50 ${small ? 'h-7 px-2 text-xs' : 'h-9 px-3 text-sm'} ${KINDS[kind]}`;

export function Button({ kind = 'plain', small = false, className = '', type = 'button', ...rest }: ButtonProps): ReactNode {
  return <button type={type} className={`${buttonClass(kind, small)} ${className}`} {...rest} />;
}
