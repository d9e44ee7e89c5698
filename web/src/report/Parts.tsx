/** What stands around the form: what is missing, what it reads like, versions, two drafts, changed measurements. */
import { Button } from 'antd';
import { useState } from 'react';
import { en, useTexts, zh } from '../i18n';
import { instant } from '../ui/format';
import * as edits from './edit';
import { SECTIONS, type Content, type Prompt, type ReportState } from './types';
import type { Report, Saving } from './useReport';

export function SavedMark({ saving }: { saving: Saving }) {
  const { t } = useTexts();
  if (saving.state === 'failed') return <span className="report-failed" role="alert">✕ {t('report.saveFailed', { why: saving.why })}</span>;
  if (saving.state === 'saving') return <span className="muted">{t('report.saving')}</span>;
  if (saving.version === 0 || saving.state === 'dirty') return <span className="muted">{t('report.notSaved')}</span>;
  return <span className="muted" data-testid="report-saved">✓ {t('report.savedAt', { at: instant(saving.at), n: saving.version })}</span>;
}

export function Prompts({ prompts, content, edit }: { prompts: Prompt[]; content: Content; edit: Report['edit'] }) {
  const { t, language } = useTexts();
  if (prompts.length === 0) return <p className="muted">✓ {t('report.noPrompts')}</p>;
  return (
    <ul className="report-prompts">
      {prompts.map((one) => (
        <li key={one.name} className={`prompt-${one.level}`} data-prompt={one.name}>
          <b>
            {one.level === 'block' ? '✕' : one.level === 'warn' ? '!' : '›'} {t(`report.level.${one.level}`)}
          </b>
          <p>{language === 'zh' ? one.zh : one.en}</p>
          <p className="muted">{language === 'zh' ? one.reason_zh : one.reason_en}</p>
          {one.insert !== null && (
            <Button size="small" onClick={() => one.insert !== null && edit((old) => edits.inserted(old, one.insert as NonNullable<Prompt['insert']>))}>
              {t('report.insert')}
            </Button>
          )}
          {one.level === 'warn' && (
            <label>
              <input type="checkbox" checked={content.acknowledged.includes(one.name)} onChange={(event) => edit((old) => edits.acknowledged(old, one.name, event.target.checked))} /> {t('report.acknowledge')}
            </label>
          )}
        </li>
      ))}
    </ul>
  );
}

export function Preview({ report }: { report: Report }) {
  const { t, language } = useTexts();
  const [shown, setShown] = useState<'zh' | 'en'>(language === 'zh' ? 'en' : 'zh');
  const said = report.shown?.said ?? [];
  return (
    <section className="report-preview">
      <h2>
        {t('report.preview')}{' '}
        <Button size="small" onClick={() => setShown(shown === 'zh' ? 'en' : 'zh')}>
          {shown === 'zh' ? 'English' : '中文'}
        </Button>
      </h2>
      <div lang={shown === 'zh' ? 'zh-CN' : 'en'} data-testid="report-preview">
        {SECTIONS.map((section) => {
          const lines = said.filter((one) => one.section === section && one.zh !== '');
          return lines.length === 0 ? null : (
            <p key={section}>
              <b>{(shown === 'zh' ? zh : en)[`report.section.${section}`]}</b>
              <br />
              {lines.map((one) => (shown === 'zh' ? one.zh : one.en)).join(shown === 'zh' ? '' : ' ')}
            </p>
          );
        })}
      </div>
    </section>
  );
}

export function Versions({ state, study }: { state: ReportState; study: string }) {
  const { t } = useTexts();
  if (state.versions.length === 0) return null;
  const base = `/api/studies/${encodeURIComponent(study)}/report/versions`;
  return (
    <section>
      <h2>{t('report.versions')}</h2>
      <ul className="report-versions">
        {state.versions.map((one) => {
          const papers = state.documents.filter((paper) => paper.id === one.id);
          const sent = papers.find((paper) => paper.label === 'report_pdf');
          return (
            <li key={one.id}>
              <b>{t('report.version', { n: one.version })}</b> {t(`report.state.${one.kind}`)} · {one.name} · <span className="num">{instant(one.at)}</span>
              {one.kind === 'addendum' && <p className="report-added">{one.body.text_zh}</p>}
              {papers.length > 0 && (
                <>
                  {' '}
                  <a href={`${base}/${one.id}/pdf`} target="_blank" rel="noreferrer">{t('report.pdf')}</a> <a href={`${base}/${one.id}/fhir`} target="_blank" rel="noreferrer">{t('report.fhir')}</a>
                </>
              )}
              {papers.length === 0 && one.kind !== 'preliminary' && <span className="muted"> {t('report.pending')}</span>}
              {sent?.state != null && <span className="muted"> {t('report.inPacs', { state: sent.state })}</span>}
            </li>
          );
        })}
      </ul>
    </section>
  );
}

export function Conflict({ report }: { report: Report }) {
  const { t, language } = useTexts();
  const { theirs, shown } = report;
  if (theirs === null) return null;
  const words = (said: { zh: string; en: string }[]) => said.map((one) => (language === 'zh' ? one.zh : one.en)).join('');
  return (
    <div className="report-conflict" role="alert" data-testid="report-conflict">
      <b>⚠ {t('report.conflict')}</b>
      <div className="report-both">
        <div>
          <h3>{t('report.conflictMine')}</h3>
          <p>{words(shown?.said ?? [])}</p>
          <Button onClick={() => report.settle(true)}>{t('report.takeMine')}</Button>
        </div>
        <div>
          <h3>{t('report.conflictTheirs')}</h3>
          <p>{words(theirs.said)}</p>
          <Button onClick={() => report.settle(false)}>{t('report.takeTheirs')}</Button>
        </div>
      </div>
    </div>
  );
}

export function Changed({ report }: { report: Report }) {
  const { t, language } = useTexts();
  const changes = report.shown?.changes ?? [];
  if (changes.length === 0) return null;
  return (
    <div className="report-changed" role="status">
      <b>↻ {t('report.changed', { n: changes.length })}</b>
      <ul>
        {changes.map((one) => (
          <li key={one.key}>
            <del>{language === 'zh' ? one.before_zh : one.before_en}</del> {language === 'zh' ? one.after_zh : one.after_en}
          </li>
        ))}
      </ul>
      <Button onClick={() => report.edit((old) => edits.refreshed(old, changes))}>{t('report.refresh')}</Button>
    </div>
  );
}
