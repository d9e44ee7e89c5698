/** Texts by id. Chinese is the default; both catalogues hold the same ids (tests compare them). */
import i18next from 'i18next';
import { createContext, useContext, useSyncExternalStore } from 'react';
import type { Language, PublicMessage } from '../api/types';
import baseEn from './en.json';
import habitsEn from './habits.en.json';
import habitsZh from './habits.zh.json';
import homeEn from './home.en.json';
import homeZh from './home.zh.json';
import joinedEn from './joined.en.json';
import joinedZh from './joined.zh.json';
import measuredEn from './measured.en.json';
import measuredZh from './measured.zh.json';
import { pseudo } from './pseudo';
import qualityEn from './quality.en.json';
import qualityZh from './quality.zh.json';
import regionEn from './region.en.json';
import regionZh from './region.zh.json';
import reportEn from './report.en.json';
import reportZh from './report.zh.json';
import viewerEn from './viewer.en.json';
import viewerZh from './viewer.zh.json';
import volumeEn from './volume.en.json';
import volumeZh from './volume.zh.json';
import reviewEn from './review.en.json';
import reviewZh from './review.zh.json';
import baseZh from './zh.json';

export const zh = { ...baseZh, ...regionZh, ...viewerZh, ...volumeZh, ...joinedZh, ...reviewZh, ...homeZh, ...measuredZh, ...reportZh, ...habitsZh, ...qualityZh };
export const en = { ...baseEn, ...regionEn, ...viewerEn, ...volumeEn, ...joinedEn, ...reviewEn, ...homeEn, ...measuredEn, ...reportEn, ...habitsEn, ...qualityEn };

export type Key = keyof typeof zh;
export type Facts = Record<string, string | number>;

export interface Texts {
  t: (key: Key, facts?: Facts) => string;
  language: Language;
  /** The server's own sentence in the language shown. */
  said: (message: { message_zh?: string; message_en?: string }) => string;
}

export interface Catalogue {
  subscribe: (onChange: () => void) => () => void;
  snapshot: () => Texts;
  change: (language: Language) => void;
}

function textsOf(language: Language, translate: (key: string, facts?: Facts) => string): Texts {
  return {
    language,
    t: (key, facts) => translate(key, facts),
    said: (message) => (language === 'zh' ? message.message_zh : message.message_en) ?? message.message_zh ?? '',
  };
}

/** Build the catalogue; `stretched` is the pseudo-language build that shows fixed strings. */
export function createCatalogue(language: Language, stretched: boolean): Catalogue {
  const engine = i18next.createInstance();
  const shape = (texts: Record<string, string>) => ({ translation: stretched ? pseudo(texts) : texts });
  void engine.init({
    lng: language,
    fallbackLng: false,
    keySeparator: false,
    nsSeparator: false,
    interpolation: { prefix: '{', suffix: '}', escapeValue: false },
    resources: { zh: shape(zh), en: shape(en) },
    initAsync: false,
  });
  let current = textsOf(language, (key, facts) => engine.t(key, facts ?? {}));
  const listeners = new Set<() => void>();
  return {
    subscribe(onChange) {
      listeners.add(onChange);
      return () => listeners.delete(onChange);
    },
    snapshot: () => current,
    change(next) {
      void engine.changeLanguage(next).then(() => {
        current = textsOf(next, (key, facts) => engine.t(key, facts ?? {}));
        document.documentElement.lang = next === 'zh' ? 'zh-CN' : 'en';
        for (const listener of listeners) listener();
      });
    },
  };
}

export const CatalogueContext = createContext<Catalogue | null>(null);

export function useTexts(): Texts & { change: Catalogue['change'] } {
  const catalogue = useContext(CatalogueContext);
  if (catalogue === null) throw new Error('CatalogueContext missing');
  const texts = useSyncExternalStore(catalogue.subscribe, catalogue.snapshot);
  return { ...texts, change: catalogue.change };
}

export type { PublicMessage };
