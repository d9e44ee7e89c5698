import { lazy, Suspense, useEffect, useState, type ReactNode } from 'react';
import type { Permission } from '../api/types';
import { useTexts } from '../i18n';
import { LoginDialog, LoginPage } from '../pages/Login';
import { PasswordDialog } from '../pages/PasswordDialog';
import { UploadProvider } from '../pages/uploading';
import { studyPage } from '../study/page';
import { Loading, Notice } from '../ui/states';
import { WorklistPage } from '../worklist/WorklistPage';
import { HabitsProvider } from './habits';
import { HelpSheet } from './HelpSheet';
import { useCommands } from './keys';
import { LiveProvider } from './live';
import { navigate, usePlace } from './router';
import { useSession } from './session';
import { Themed } from './Themed';
import { TopBar } from './TopBar';

const ReportPage = lazy(() => import('../report/ReportPage'));
const CardPage = lazy(() => import('../report/CardPage'));
const PhrasesPage = lazy(() => import('../report/PhrasesPage'));
const UploadPage = lazy(() => import('../pages/UploadPage'));
const QuarantinePage = lazy(() => import('../pages/QuarantinePage'));
const QueuePage = lazy(() => import('../pages/QueuePage'));
const SystemPage = lazy(() => import('../pages/SystemPage'));
const UsersPage = lazy(() => import('../pages/UsersPage'));
const BoxListPage = lazy(() => import('../consult/BoxListPage'));
const BoxCasePage = lazy(() => import('../consult/BoxCasePage'));
const ScreeningPage = lazy(() => import('../screening/ScreeningPage'));
const HabitsPage = lazy(() => import('../pages/HabitsPage'));
const RoomPage = lazy(() => import('../quality/RoomPage'));
const QualityPage = lazy(() => import('../quality/QualityPage'));
const RegionPage = lazy(() => import('../consult/RegionPage'));
const TownshipPage = lazy(() => import('../consult/TownshipPage'));

/** `permission` null: for everybody who is logged in. */
const PAGES: { path: string; permission: Permission | null; page: React.ComponentType }[] = [
  { path: '/upload', permission: 'upload', page: UploadPage },
  { path: '/consults', permission: 'consult.read', page: BoxListPage },
  { path: '/township', permission: 'township.send', page: TownshipPage },
  { path: '/room', permission: 'room.use', page: RoomPage },
  { path: '/quality', permission: 'quality.read', page: QualityPage },
  { path: '/quarantine', permission: 'quarantine.read', page: QuarantinePage },
  { path: '/queue', permission: 'queue.read', page: QueuePage },
  { path: '/system', permission: 'system.read', page: SystemPage },
  { path: '/users', permission: 'users.manage', page: UsersPage },
  { path: '/region', permission: 'region.read', page: RegionPage },
  { path: '/keys', permission: null, page: HabitsPage },
  { path: '/phrases', permission: 'report.write', page: PhrasesPage },
  { path: '/screening', permission: 'study.override', page: ScreeningPage },
];

function pageOf(path: string) {
  return PAGES.find((entry) => entry.path === path || (entry.path === '/screening' && path.startsWith('/screening/')));
}

/** Pictures are read in the dark; lists and forms are light. */
function inTheDark(path: string): boolean {
  return (path.startsWith('/study/') && !/\/(report|card)$/.test(path)) || path.startsWith('/screening/');
}

/** Pages of one thing, named in the path. */
const OPENED: { pattern: RegExp; permission: Permission; page: (name: string) => ReactNode }[] = [
  { pattern: /^\/study\/([^/]+)$/, permission: 'study.open', page: (study) => <studyPage.Page key={study} study={study} /> },
  { pattern: /^\/study\/([^/]+)\/report$/, permission: 'study.open', page: (study) => <ReportPage key={study} study={study} /> },
  { pattern: /^\/study\/([^/]+)\/card$/, permission: 'study.open', page: (study) => <CardPage key={study} study={study} /> },
  { pattern: /^\/consults\/([^/]+)$/, permission: 'consult.read', page: (consult) => <BoxCasePage key={consult} consult={consult} /> },
];

/** What a path shows: the page of a thing, a page of the bar, or nothing that we know. */
function shownAt(path: string): { permission: Permission | null; page: ReactNode } | null {
  for (const { pattern, permission, page } of OPENED) {
    const name = pattern.exec(path)?.[1];
    if (name !== undefined) return { permission, page: page(decodeURIComponent(name)) };
  }
  const found = pageOf(path);
  return found === undefined ? null : { permission: found.permission, page: <found.page /> };
}

function Body({ path }: { path: string }) {
  const { t } = useTexts();
  const { may } = useSession();
  const onList = path === '/';
  const [listed, setListed] = useState(onList);
  if (onList && !listed) setListed(true);
  const shown = onList ? null : shownAt(path);
  // Who reads no list starts on the first page that is theirs.
  const home = may('worklist.read') ? undefined : PAGES.find((entry) => entry.permission !== null && may(entry.permission))?.path;
  useEffect(() => {
    if (onList && home !== undefined) navigate(home, true);
  }, [onList, home]);
  return (
    <>
      {may('worklist.read') ? (
        // Kept alive behind an open study, so that coming back finds the list as it was left; whoever follows a link
        // to a study does not wait for it.
        listed && <WorklistPage shown={onList} />
      ) : (
        onList && <Notice tone="info" title={t('page.noWorklist')} />
      )}
      <Suspense fallback={<Loading label={t('state.loadingPage')} />}>
        {shown !== null && (shown.permission === null || may(shown.permission) ? shown.page : <Notice tone="warn" title={t('state.forbidden')} />)}
      </Suspense>
      {!onList && shown === null && <Notice tone="warn" title={t('state.noSuchPage')} />}
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
    return session.starting ? <Loading label={session.reachable ? t('state.starting') : t('state.unreachable')} /> : <LoginPage />;
  }
  if (session.me.must_change) {
    return (
      <>
        <PasswordDialog onClose={null} />
        {session.expired && <LoginDialog />}
      </>
    );
  }
  const dark = inTheDark(path);
  return (
    <LiveProvider>
      <UploadProvider>
      <div className="app">
        <TopBar onHelp={() => setHelp(true)} />
        {!session.reachable && (
          <div className="banner" role="alert">
            <span aria-hidden="true">⚠</span> {t('state.unreachable')}
          </div>
        )}
        <main className="main">
          <Body path={path} />
        </main>
      </div>
      {session.expired && <LoginDialog />}
      <HelpSheet open={help} onClose={() => setHelp(false)} viewer={dark} />
      </UploadProvider>
    </LiveProvider>
  );
}

export function App() {
  const { path } = usePlace();
  return (
    <Themed dark={inTheDark(path)}>
      <HabitsProvider>
        <Shell />
      </HabitsProvider>
    </Themed>
  );
}
