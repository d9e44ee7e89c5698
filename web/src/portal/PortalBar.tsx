import '../consult/keys.css';
import { Dropdown } from 'antd';
import { useState } from 'react';
import type { Me, Permission } from '../api/types';
import { useSession } from '../app/session';
import { navigate, usePlace } from '../app/router';
import { useTexts, type Key } from '../i18n';
import { OtpDialog } from '../pages/OtpDialog';
import { PasswordDialog } from '../pages/PasswordDialog';
import { Link } from '../ui/Link';
import { useDirectory } from './directory';
import { useKeys } from './seals';
import { useServedBy } from './ServedBy';

export interface PortalPlace {
  path: string;
  label: Key;
  permission: Permission;
}

/** Who sees which page; the server enforces it. */
const PLACES: readonly PortalPlace[] = [
  { path: '/', label: 'portal.nav.list', permission: 'consult.list' },
  { path: '/duty', label: 'portal.nav.duty', permission: 'duty.manage' },
  { path: '/people', label: 'portal.nav.people', permission: 'people.manage' },
  { path: '/hospitals', label: 'portal.nav.hospitals', permission: 'hospitals.manage' },
  { path: '/devices', label: 'portal.nav.devices', permission: 'devices.manage' },
  { path: '/audit', label: 'portal.nav.audit', permission: 'audit.read' },
  { path: '/directory', label: 'portal.nav.directory', permission: 'directory.read' },
];

export function placesOf(me: Me | null): PortalPlace[] {
  return PLACES.filter((place) => me?.permissions.includes(place.permission) ?? false);
}

/** Whether the own keys are open here, and whether the hospital has confirmed them; leads to their page. */
function KeyMark() {
  const { t } = useTexts();
  const { me } = useSession();
  const { state } = useKeys();
  const { path } = usePlace();
  const { person } = useDirectory();
  const unvouched = state === 'open' && person(me?.id ?? '')?.attested === '';
  return (
    <Link to="/account" className="key-mark" current={path === '/account'}>
      <span data-testid="key-state">
        <i aria-hidden="true">{state === 'open' ? '◉' : '○'}</i> {t(`keys.state.${state}`)}
      </span>
      {unvouched && <span className="key-unvouched"> · {t('keys.unvouched')}</span>}
    </Link>
  );
}

export function PortalBar({ onHelp }: { onHelp: () => void }) {
  const { t, language } = useTexts();
  const { me, may, setLanguage, logout } = useSession();
  const { path } = usePlace();
  const servedBy = useServedBy();
  const [open, setOpen] = useState<'password' | 'otp' | null>(null);
  const other = language === 'zh' ? 'en' : 'zh';
  return (
    <header className="topbar">
      <Link to="/" className="brand">
        <img src="/icon.svg" alt="" width="22" height="22" />
        <b>杏林</b>
        <span>{t('portal.name')}</span>
      </Link>
      <nav aria-label={t('nav.label')}>
        {placesOf(me).map((place) => (
          <Link key={place.path} to={place.path} current={place.path === path || (place.path === '/' && path.startsWith('/case/'))} className="nav">
            {t(place.label)}
          </Link>
        ))}
      </nav>
      <div className="topbar-end">
        {may('key.own') && <KeyMark />}
        <button type="button" className="bar-button" onClick={onHelp} title={t('key.help')} aria-label={t('key.help')}>
          ?
        </button>
        <button type="button" className="bar-button" lang={other === 'zh' ? 'zh-CN' : 'en'} onClick={() => setLanguage(other)} data-testid="language">
          {other === 'zh' ? '中文' : 'English'}
        </button>
        <Dropdown
          trigger={['click']}
          menu={{
            items: [
              { key: 'role', label: `${me?.user ?? ''} · ${t(`role.${me?.role ?? 'expert'}`)}`, disabled: true },
              ...(servedBy === '' ? [] : [{ key: 'served', type: 'group' as const, label: servedBy }]),
              ...(may('key.own') ? [{ key: 'keys', label: t('keys.title'), onClick: () => navigate('/account') }] : []),
              { key: 'password', label: t('account.changePassword'), onClick: () => setOpen('password') },
              { key: 'otp', label: t('account.otp'), onClick: () => setOpen('otp') },
              { key: 'logout', label: t('account.logout'), onClick: () => void logout() },
            ],
          }}
        >
          <button type="button" className="bar-button user" data-testid="user-menu">
            {me?.name} <span aria-hidden="true">▾</span>
          </button>
        </Dropdown>
      </div>
      {open === 'password' && <PasswordDialog onClose={() => setOpen(null)} />}
      {open === 'otp' && <OtpDialog onClose={() => setOpen(null)} />}
    </header>
  );
}
