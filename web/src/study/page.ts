import { lazily } from '../app/lazily';

/** The study's page with its viewer. */
export const studyPage = lazily(() => import('./StudyPage'));
