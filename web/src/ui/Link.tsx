import type { MouseEvent, ReactNode } from 'react';
import { navigate } from '../app/router';

interface Props {
  to: string;
  className?: string;
  current?: boolean;
  tabIndex?: number;
  children: ReactNode;
}

/** A real link (middle click, copy address) that stays in the page. */
export function Link({ to, className, current, tabIndex, children }: Props) {
  function onClick(event: MouseEvent): void {
    if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    navigate(to);
  }
  return (
    <a href={to} className={className} onClick={onClick} tabIndex={tabIndex} aria-current={current === true ? 'page' : undefined}>
      {children}
    </a>
  );
}
