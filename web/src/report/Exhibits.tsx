/** What a report shows besides words: the follow-up table and up to four pictures. A person puts them in. */
import { useState } from 'react';
import { useTexts } from '../i18n';
import { date } from '../ui/format';
import { KINDS } from '../study/LesionTable';
import * as edits from './edit';
import type { ChangeRow, Content, FollowUpTable, ReportState, Shown } from './types';
import type { Report } from './useReport';

type Edit = Report['edit'] | null;

const ids = (numbers: readonly number[]) => (numbers.length === 0 ? '—' : numbers.map((n) => `L${n}`).join('、'));
const ml = (value: number | null) => (value === null ? '—' : value.toFixed(value >= 10 ? 1 : 2));

function Row({ row }: { row: ChangeRow }) {
  const { t, language } = useTexts();
  const kind = KINDS[row.kind];
  return (
    <tr>
      <td className="num">
        {ids(row.before)} → {ids(row.after)}
      </td>
      <td>{kind === undefined ? row.kind : t(kind)}</td>
      <td className="num">{ml(row.before_ml)}</td>
      <td className="num">{ml(row.after_ml)}</td>
      <td className="num">{row.share === null ? '—' : `${row.share > 0 ? '+' : ''}${(100 * row.share).toFixed(0)}%`}</td>
      <td>{language === 'zh' ? row.verdict_zh : row.verdict_en}</td>
    </tr>
  );
}

function Table({ table }: { table: FollowUpTable }) {
  const { t, language } = useTexts();
  return (
    <>
      <p>
        <span className="num">
          {date(table.prior_date)} → {date(table.current_date)}
        </span>{' '}
        {language === 'zh' ? table.conclusion_zh : table.conclusion_en}
      </p>
      {table.rows.length > 0 && (
        <table className="report-table">
          <thead>
            <tr>
              {(['lesion', 'kind', 'before', 'after', 'change', 'verdict'] as const).map((name) => (
                <th key={name}>{t(`report.table.${name}`)}</th>
              ))}
            </tr>
          </thead>
          <tbody>
            {table.rows.map((row, at) => (
              <Row key={at} row={row} />
            ))}
          </tbody>
        </table>
      )}
    </>
  );
}

export function FollowUpPart({ content, shown, edit }: { content: Content; shown: Shown; edit: Edit }) {
  const { t } = useTexts();
  const table = content.follow_up ?? shown.follow_up;
  if (table === null) return null;
  const held = content.follow_up !== undefined;
  return (
    <section className="report-section" data-testid="report-follow-up">
      <h2>
        {t('report.followUp')}
        {edit !== null && (
          <label className="report-take">
            <input type="checkbox" checked={held} onChange={(event) => edit((old) => edits.compared(old, event.target.checked ? shown.follow_up : null))} /> {t('report.takeTable')}
          </label>
        )}
      </h2>
      {(held || edit !== null) && <Table table={table} />}
    </section>
  );
}

function Picture({ study, frame, lesions, content, edit }: { study: string; frame: string; lesions: readonly number[]; content: Content; edit: Edit }) {
  const { t } = useTexts();
  const [failed, setFailed] = useState(false);
  const held = content.pictures?.includes(frame) === true;
  const label = lesions.length === 0 ? t('report.picture') : t('report.pictureOf', { lesions: ids(lesions) });
  const full = !held && (content.pictures?.length ?? 0) >= edits.PICTURES_MAX;
  return (
    <label className={held ? 'report-picture held' : 'report-picture'}>
      {failed ? <span className="muted">{t('report.pictureFailed')}</span> : <img src={`/api/studies/${encodeURIComponent(study)}/report/picture?frame=${encodeURIComponent(frame)}`} alt={label} onError={() => setFailed(true)} />}
      <span>
        {edit !== null && <input type="checkbox" checked={held} disabled={full} onChange={(event) => edit((old) => edits.pictured(old, frame, event.target.checked))} />} {label}
      </span>
    </label>
  );
}

export function PicturesPart({ study, state, content, edit }: { study: string; state: ReportState; content: Content; edit: Edit }) {
  const { t } = useTexts();
  const held = content.pictures ?? [];
  const offered = state.pictures.filter((one) => edit !== null || held.includes(one.frame));
  const others = held.filter((frame) => !offered.some((one) => one.frame === frame)).map((frame) => ({ frame, lesions: [] }));
  const all = [...offered, ...others];
  if (all.length === 0) return null;
  return (
    <section className="report-section" data-testid="report-pictures">
      <h2>
        {t('report.pictures')} <small className="muted">{t('report.picturesHint', { n: edits.PICTURES_MAX })}</small>
      </h2>
      <div className="report-pictures">
        {all.map((one) => (
          <Picture key={one.frame} study={study} frame={one.frame} lesions={one.lesions} content={content} edit={edit} />
        ))}
      </div>
    </section>
  );
}
