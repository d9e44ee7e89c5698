import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { SessionProvider } from '../app/session';
import { CatalogueContext, createCatalogue } from '../i18n';
import { PortalApp } from './PortalApp';
import { KeysProvider } from './seals';
import { createSeals } from './worker';
import '../ui/style.css';
import '../consult/consult.css';

const root = document.getElementById('root');
if (root === null) throw new Error('#root missing');
const catalogue = createCatalogue('zh', import.meta.env.MODE === 'pseudo');
const seals = createSeals();

createRoot(root).render(
  <StrictMode>
    <CatalogueContext.Provider value={catalogue}>
      <SessionProvider onLogout={(me) => seals.forget(me.id ?? '')}>
        <KeysProvider seals={seals}>
          <PortalApp />
        </KeysProvider>
      </SessionProvider>
    </CatalogueContext.Provider>
  </StrictMode>,
);
