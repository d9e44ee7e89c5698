/** The county's report draft, in its sections: Chinese first, the English under it. Never more than a draft. */
import { useTexts } from '../../i18n';
import { PlainChip } from '../../ui/chips';
import { useSealFailureText } from '../failure';
import type { CaseIndex, CaseObject } from './bundle';
import type { CaseRead } from './useCase';
import { useObjectText } from './Documents';
import { factsOf, reportOf, type ReportView } from './facts';

function Sections({ report }: { report: ReportView }) {
  const { t } = useTexts();
  return report.sections.map(({ section, zh, en }) => (
    <div key={section} className="report-section">
      <h3>{t(`report.${section}`)}</h3>
      <ol className={section === 'findings' ? 'report-prose' : 'report-list'}>
        {zh.map((sentence, at) => (
          <li key={at}>
            <span lang="zh-CN">{sentence}</span>
            {en[at] !== undefined && (
              <span lang="en" className="muted">
                {en[at]}
              </span>
            )}
          </li>
        ))}
      </ol>
    </div>
  ));
}

function Report({ object, title, open }: { object: CaseObject; title: string; open: CaseRead['open'] }) {
  const { t } = useTexts();
  const failureText = useSealFailureText();
  const json = useObjectText(object, open);
  const report = json.text === null ? null : reportOf(json.text);
  if (json.text !== null && report === null) return null;
  return (
    <section className="report" data-testid="report">
      <h2>
        {title} <PlainChip tone="warn" glyph="✎" label={t('report.draft')} />
      </h2>
      {json.error !== null && <p className="note-warn">✕ {failureText(json.error)}</p>}
      {report !== null && (
        <>
          <Sections report={report} />
          {report.review !== null && (
            <p>
              {report.review.decision === 'accepted' ? '✓' : '✕'} {t(`report.review.${report.review.decision}`, { by: report.review.by })} {report.review.reason}
            </p>
          )}
          {report.statement.zh !== '' && (
            <p className="research-note">
              {report.statement.zh}
              {report.statement.en !== '' && (
                <>
                  <br />
                  <span lang="en">{report.statement.en}</span>
                </>
              )}
            </p>
          )}
        </>
      )}
    </section>
  );
}

/** Report drafts of a case's studies, the present one first. */
export function ReportBlock({ index, open }: { index: CaseIndex; open: CaseRead['open'] }) {
  const { t } = useTexts();
  const studyOf = (object: CaseObject) => index.studies.find((one) => one.n === Number(object.position['study'] ?? 0));
  const reports = index.objects.filter((one) => one.kind === 'report').sort((a, b) => Number(studyOf(a)?.prior ?? false) - Number(studyOf(b)?.prior ?? false));
  return reports.map((object) => {
    const study = studyOf(object);
    return <Report key={object.object} object={object} title={study?.prior === true ? `${t('case.prior')} ${study.study_date} ${t('piece.report')}` : t('piece.report')} open={open} />;
  });
}

export function FactTable({ title, object, open }: { title: string; object: CaseObject; open: CaseRead['open'] }) {
  const { t } = useTexts();
  const failureText = useSealFailureText();
  const json = useObjectText(object, open);
  const known = (['laboratory', 'lung_function', 'pathology'] as const).find((one) => one === title);
  const facts = json.text === null ? [] : factsOf(json.text);
  return (
    <section data-testid="facts">
      <h2>{known === undefined ? title || t('case.facts') : t(`facts.${known}`)}</h2>
      {json.error !== null && <p className="note-warn">✕ {failureText(json.error)}</p>}
      {facts.length > 0 && (
        <table className="facts-table">
          <thead>
            <tr>
              <th scope="col">{t('entered.test')}</th>
              <th scope="col">{t('entered.result')}</th>
              <th scope="col">{t('entered.date')}</th>
              <th scope="col">{t('fact.source')}</th>
            </tr>
          </thead>
          <tbody>
            {facts.map((fact, at) => (
              <tr key={at}>
                <td>{fact.name}</td>
                <td>{[fact.value, fact.unit, fact.flag].filter((one) => one !== '').join(' ')}</td>
                <td className="num">{fact.date}</td>
                <td className="muted">{fact.enteredBy === '' ? t('fact.system') : t('fact.entered', { name: fact.enteredBy })}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}
