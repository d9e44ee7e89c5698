/** The hub's face: the expert's worklist and cases, and what the hub's administrators need. */
import { lazy, Suspense, useEffect, useState } from 'react';
import { HelpSheet } from '../app/HelpSheet';
import { useCommands } from '../app/keys';
import { navigate, usePlace } from '../app/router';
import { Themed } from '../app/Themed';
import { useSession } from '../app/session';
import { useTexts } from '../i18n';
import { LoginDialog, LoginPage } from '../pages/Login';
import { OtpDialog } from '../pages/OtpDialog';
import { PasswordDialog } from '../pages/PasswordDialog';
import { Loading, Notice } from '../ui/states';
import { CaseRoom } from './caseRoom';
import { DirectoryProvider, useDirectory } from './directory';
import { KeyGate } from './KeyGate';
import { PortalLiveProvider } from './live';
import { placesOf, PortalBar } from './PortalBar';
import { ProviderLink, ShowOtp } from './SignIn';
import { useKeys } from './seals';
import { Worklist } from './Worklist';

const DirectoryPage = lazy(() => import('./pages/DirectoryPage'));
const DutyPage = lazy(() => import('./pages/DutyPage'));
const PeoplePage = lazy(() => import('./pages/PeoplePage'));
const HospitalsPage = lazy(() => import('./pages/HospitalsPage'));
const DevicesPage = lazy(() => import('./pages/DevicesPage'));
const AuditPage = lazy(() => import('./pages/AuditPage'));

const AccountPage = lazy(() => import('./pages/AccountPage'));

const PAGES: Record<string, React.ComponentType> = {
  '/directory': DirectoryPage,
  '/duty': DutyPage,
  '/people': PeoplePage,
  '/hospitals': HospitalsPage,
  '/devices': DevicesPage,
  '/audit': AuditPage,
  '/account': AccountPage,
};

/** A directory that forked or rewound: nothing may be signed or sealed until a person has looked. */
function DirectoryAlarm() {
  const { t, said } = useTexts();
  const { alarm } = useDirectory();
  if (alarm === null) return null;
  return (
    <div className="banner banner-alarm" role="alert" data-testid="directory-alarm">
      <b>✕ {t('directory.alarm')}</b> {said(alarm)} ({alarm.code}) <a href="/directory">{t('directory.alarmMore')}</a>
    </div>
  );
}

function Body({ path }: { path: string }) {
  const { t } = useTexts();
  const { me, may } = useSession();
  const { state } = useKeys();
  const places = placesOf(me);
  const consult = /^\/case\/([^/]+)$/.exec(path)?.[1];
  const Page = PAGES[path];
  const listed = places.some((place) => place.path === '/');
  const first = places[0]?.path;
  useEffect(() => {
    if (path === '/' && !listed && first !== undefined) navigate(first, true);
  }, [path, listed, first]);
  // Experts sign opinions, coordinators assignments: the gate stands before the list, so that nobody meets it in a case.
  if (may('key.own') && state !== 'open' && (Page === undefined || path === '/account')) return <KeyGate />;
  const allowed = path === '/account' ? may('key.own') : places.some((place) => place.path === path);
  return (
    <>
      {listed && <Worklist shown={path === '/'} />}
      <Suspense fallback={<Loading label={t('state.loadingPage')} />}>
        {consult !== undefined && (may('consult.read') ? <CaseRoom key={consult} consult={decodeURIComponent(consult)} /> : <Notice tone="warn" title={t('portal.noCase')} />)}
        {Page !== undefined && (allowed ? <Page /> : <Notice tone="warn" title={t('state.forbidden')} />)}
      </Suspense>
      {consult === undefined && Page === undefined && path !== '/' && <Notice tone="warn" title={t('state.noSuchPage')} />}
    </>
  );
}

function Shell() {
  const { path } = usePlace();
  const { t, language } = useTexts();
  const session = useSession();
  const [help, setHelp] = useState(false);
  useCommands({ help: () => setHelp(true), language: () => session.setLanguage(language === 'zh' ? 'en' : 'zh') });
  if (session.me === null) {
    return session.starting ? <Loading label={session.reachable ? t('state.starting') : t('state.unreachable')} /> : <LoginPage subtitle={t('portal.subtitle')} more={<ProviderLink />} />;
  }
  if (session.me.must_change) {
    return (
      <>
        <PasswordDialog onClose={null} />
        {session.expired && <LoginDialog />}
      </>
    );
  }
  if (session.me.must_show_otp === true) return <ShowOtp />;
  if (session.me.must_set_otp === true) return <OtpDialog onClose={null} onDone={() => void session.refresh()} />;
  return (
    <DirectoryProvider>
      <PortalLiveProvider>
        <div className="app">
          <PortalBar onHelp={() => setHelp(true)} />
          {!session.reachable && (
            <div className="banner" role="alert">
              <span aria-hidden="true">⚠</span> {t('state.unreachable')}
            </div>
          )}
          <DirectoryAlarm />
          <main className="main">
            <Body path={path} />
          </main>
        </div>
        {session.expired && <LoginDialog />}
        <HelpSheet open={help} onClose={() => setHelp(false)} viewer={path.startsWith('/case/')} />
      </PortalLiveProvider>
    </DirectoryProvider>
  );
}

export function PortalApp() {
  const { path } = usePlace();
  return (
    <Themed dark={path.startsWith('/case/')}>
      <Shell />
    </Themed>
  );
}
