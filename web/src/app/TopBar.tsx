import { Dropdown } from 'antd';
import { useState } from 'react';
import type { Permission } from '../api/types';
import { useTexts, type Key } from '../i18n';
import { OtpDialog } from '../pages/OtpDialog';
import { PasswordDialog } from '../pages/PasswordDialog';
import { useUpload } from '../pages/uploading';
import { Link } from '../ui/Link';
import { navigate, usePlace } from './router';
import { useSession } from './session';

const NAV: { path: string; label: Key; permission: Permission }[] = [
  { path: '/', label: 'nav.worklist', permission: 'worklist.read' },
  { path: '/consults', label: 'nav.consults', permission: 'consult.read' },
  { path: '/township', label: 'nav.township', permission: 'township.send' },
  { path: '/upload', label: 'nav.upload', permission: 'upload' },
  { path: '/room', label: 'nav.room', permission: 'room.use' },
  { path: '/quality', label: 'nav.quality', permission: 'quality.read' },
  { path: '/quarantine', label: 'nav.quarantine', permission: 'quarantine.read' },
  { path: '/queue', label: 'nav.queue', permission: 'queue.read' },
  { path: '/region', label: 'nav.region', permission: 'region.read' },
  { path: '/system', label: 'nav.system', permission: 'system.read' },
  { path: '/users', label: 'nav.users', permission: 'users.manage' },
];

export function TopBar({ onHelp }: { onHelp: () => void }) {
  const { t, language } = useTexts();
  const { me, may, setLanguage, logout } = useSession();
  const { path, search } = usePlace();
  const { progress } = useUpload();
  const [password, setPassword] = useState(false);
  const [otp, setOtp] = useState(false);
  const [listUrl, setListUrl] = useState('/');
  // The list's address with its filters, so that "worklist" in the bar leads back to the same list.
  const here = path + search;
  if (path === '/' && here !== listUrl) setListUrl(here);
  const other = language === 'zh' ? 'en' : 'zh';
  return (
    <header className="topbar">
      <Link to="/" className="brand">
        <img src="/icon.svg" alt="" width="22" height="22" />
        <b>杏林</b>
        <span>Xinglin</span>
      </Link>
      <nav aria-label={t('nav.label')}>
        {NAV.filter((entry) => may(entry.permission)).map((entry) => {
          const current = entry.path === path || (entry.path === '/consults' && path.startsWith('/consults/')) || (entry.path === '/' && path.startsWith('/study/'));
          return (
            <Link key={entry.path} to={entry.path === '/' ? listUrl : entry.path} current={current} className="nav">
              {t(entry.label)}
              {entry.path === '/upload' && progress !== null && <span className="badge">{progress}%</span>}
            </Link>
          );
        })}
      </nav>
      <div className="topbar-end">
        <span className="research">{t('app.researchOnly')}</span>
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
              { key: 'role', label: `${me?.user ?? ''} · ${t(`role.${me?.role ?? 'physician'}`)}`, disabled: true },
              { key: 'password', label: t('account.changePassword'), onClick: () => setPassword(true) },
              { key: 'keys', label: t('habits.title'), onClick: () => navigate('/keys') },
              { key: 'otp', label: t('account.otp'), onClick: () => setOtp(true) },
              { key: 'logout', label: t('account.logout'), onClick: () => void logout() },
            ],
          }}
        >
          <button type="button" className="bar-button user" data-testid="user-menu">
            {me?.name} <span aria-hidden="true">▾</span>
          </button>
        </Dropdown>
      </div>
      {password && <PasswordDialog onClose={() => setPassword(false)} />}
      {otp && <OtpDialog onClose={() => setOtp(false)} />}
    </header>
  );
}
