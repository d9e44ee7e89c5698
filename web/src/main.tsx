import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app/App';
import { SessionProvider } from './app/session';
import { CatalogueContext, createCatalogue } from './i18n';
import { studyPage } from './study/page';
import './ui/style.css';
import './ui/habits.css';
import './worklist/home.css';
import './consult/consult.css';

// A link to a study: its page and the drawing come meanwhile, not after the question who is logged in.
if (window.location.pathname.startsWith('/study/')) studyPage.fetch().catch(() => undefined);

const root = document.getElementById('root');
if (root === null) throw new Error('#root missing');
const catalogue = createCatalogue('zh', import.meta.env.MODE === 'pseudo');

createRoot(root).render(
  <StrictMode>
    <CatalogueContext.Provider value={catalogue}>
      <SessionProvider>
        <App />
      </SessionProvider>
    </CatalogueContext.Provider>
  </StrictMode>,
);
