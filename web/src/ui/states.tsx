/** The honest states of a page: loading, nothing there, and each kind of failure said plainly. */
import { Button, Spin } from 'antd';
import type { ReactNode } from 'react';
import { ServerRefused, Unreachable } from '../api/client';
import { useTexts } from '../i18n';

export function Loading({ label }: { label: string }) {
  return (
    <div className="state" role="status">
      <Spin />
      <p>{label}</p>
    </div>
  );
}

const GLYPH = { info: 'ℹ', warn: '⚠', error: '✕' };

export function Notice({ tone, title, children }: { tone: 'info' | 'warn' | 'error'; title: string; children?: ReactNode }) {
  return (
    <div className={`state state-${tone}`} role={tone === 'info' ? 'status' : 'alert'}>
      <span className="state-glyph" aria-hidden="true">
        {GLYPH[tone]}
      </span>
      <p className="state-title">{title}</p>
      {children}
    </div>
  );
}

/** One sentence for whatever a request threw. */
export function useFailureText(): (error: unknown) => string {
  const { t, said } = useTexts();
  return (error) => {
    if (error instanceof ServerRefused) return `${said(error.said)} (${error.said.code})`;
    if (error instanceof Unreachable) return t('state.unreachable');
    return t('state.unexpected');
  };
}

export function Failure({ error, onRetry }: { error: unknown; onRetry: () => void }) {
  const { t } = useTexts();
  const text = useFailureText();
  return (
    <Notice tone="error" title={text(error)}>
      <Button onClick={onRetry}>{t('action.retry')}</Button>
    </Notice>
  );
}
