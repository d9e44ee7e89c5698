/** Classification (WS 196-2017), tier (WS 288-2017) and severity: coded fields, each with its source. */
import { Input, Select } from 'antd';
import { useTexts } from '../i18n';
import { date } from '../ui/format';
import * as edits from './edit';
import { CLASSES, type Code, type CodeTable, type Content, type Fact, type ReportState, type Severity, type Shown } from './types';
import type { Report } from './useReport';

interface Props {
  content: Content;
  state: ReportState;
  shown: Shown;
  user: string;
  edit: Report['edit'] | null;
}

function useWords() {
  const { language } = useTexts();
  return (one: Code) => (language === 'zh' ? one.zh : one.en);
}

function useOptions(state: ReportState) {
  const words = useWords();
  return (table: CodeTable) => state.codes[table].map((one) => ({ value: one.code, label: words(one) }));
}

function Tier({ content, state, user, edit }: Omit<Props, 'shown'>) {
  const { t } = useTexts();
  const words = useWords();
  const options = useOptions(state);
  const held = new Map(content.classification.basis.map((one) => [one.code, one.source]));
  const tier = content.classification.tier;
  return (
    <>
      <label htmlFor="report-tier">{t('report.tier')}</label>
      <Select id="report-tier" disabled={edit === null} value={tier} onChange={(next: string) => edit?.((old) => edits.tiered(old, next))} options={options('tier')} />
      {tier !== '' && (
        <fieldset>
          <legend className="muted">{t('report.tierRule')}</legend>
          {state.codes.basis.map((one) => (
            <label key={one.code} title={held.get(one.code)}>
              <input type="checkbox" disabled={edit === null} checked={held.has(one.code)} onChange={(event) => edit?.((old) => edits.based(old, one.code, one.code === 'imaging' ? 'measurement' : `person:${user}`, event.target.checked))} /> {words(one)}
            </label>
          ))}
        </fieldset>
      )}
    </>
  );
}

/** What records already say of the case, so that nobody types from memory. */
function Facts({ facts }: { facts: readonly Fact[] }) {
  const { t } = useTexts();
  if (facts.length === 0) return <p className="muted">{t('report.noFacts')}</p>;
  return (
    <p className="muted">
      {t('report.facts')}{' '}
      {facts.map((one) => (
        <span key={one.code} className="report-fact" title={`${one.source} ${one.name}`}>
          {one.code}: {one.value} {one.on_date === '' ? '' : date(one.on_date.replaceAll('-', ''))}
        </span>
      ))}
    </p>
  );
}

function Timika({ content, measured, user, edit }: { content: Content; measured: Severity | undefined; user: string; edit: Props['edit'] }) {
  const { t, language } = useTexts();
  const held = content.severity.find((one) => one.scale === 'timika');
  const taken = held?.source === 'measurement' && held.confirmed;
  return (
    <>
      {measured !== undefined && (
        <label>
          <input type="checkbox" disabled={edit === null} checked={taken} onChange={(event) => edit?.((old) => edits.severityTaken(old, measured, event.target.checked))} /> {t('report.measuredValue', { value: measured.value })}
          <small className="muted"> {language === 'zh' ? measured.note_zh : measured.note_en}</small>
        </label>
      )}
      <Input id="report-timika" inputMode="numeric" disabled={edit === null} placeholder={t('report.ownValue')} aria-label={t('report.ownValue')} value={held !== undefined && !taken && held.source !== 'measurement' ? held.value : ''} onChange={(event) => edit?.((old) => edits.severityStated(old, 'timika', event.target.value.replace(/[^0-9.]/g, ''), user))} />
    </>
  );
}

function Score({ content, state, user, edit }: Omit<Props, 'shown'>) {
  const words = useWords();
  const value = content.severity.find((one) => one.scale === 'score')?.value ?? '';
  return (
    <span className="report-checks">
      {state.codes.score.map((one) => (
        <label key={one.code}>
          <input type="checkbox" disabled={edit === null} checked={value.split(',').includes(one.code)} onChange={(event) => edit?.((old) => edits.severityStated(old, 'score', edits.scored(value, one.code, event.target.checked), user))} /> {words(one)}
        </label>
      ))}
    </span>
  );
}

function Scales({ content, state, shown, user, edit }: Props) {
  const { t } = useTexts();
  const words = useWords();
  const options = useOptions(state);
  const named = (scale: string) => state.codes.scale.find((one) => one.code === scale);
  const measured = new Map(shown.severity.map((one) => [one.scale, one]));
  const nta = measured.get('nta');
  const title = (scale: string) => {
    const one = named(scale);
    return one === undefined ? scale : words(one);
  };
  return (
    <dl className="report-scales">
      <dt>{title('timika')}</dt>
      <dd>
        <Timika content={content} measured={measured.get('timika')} user={user} edit={edit} />
      </dd>
      {nta !== undefined && (
        <>
          <dt>{title('nta')}</dt>
          <dd>
            <label>
              <input type="checkbox" disabled={edit === null} checked={content.severity.some((one) => one.scale === 'nta' && one.confirmed)} onChange={(event) => edit?.((old) => edits.severityTaken(old, nta, event.target.checked))} /> {t('report.measuredValue', { value: nta.value })}
            </label>
          </dd>
        </>
      )}
      <dt>{title('crrs')}</dt>
      <dd>
        <Select aria-label={title('crrs')} disabled={edit === null} allowClear placeholder="—" value={content.severity.find((one) => one.scale === 'crrs')?.value} onChange={(value: string | undefined) => edit?.((old) => edits.severityStated(old, 'crrs', value ?? '', user))} options={options('crrs')} />
      </dd>
      <dt>{title('score')}</dt>
      <dd>
        <Score content={content} state={state} user={user} edit={edit} />
      </dd>
    </dl>
  );
}

export function Classes(props: Props) {
  const { t } = useTexts();
  const { content, state, shown, edit } = props;
  const options = useOptions(state);
  return (
    <section className="report-classes" data-testid="report-classes">
      <h2>{t('report.classes')}</h2>
      <Facts facts={shown.facts} />
      <div className="report-fields">
        {CLASSES.map((name) => (
          <label key={name}>
            {t(`report.class.${name}`)}
            <Select aria-label={t(`report.class.${name}`)} disabled={edit === null} value={content.classification[name]} onChange={(value: string) => edit?.((old) => edits.classified(old, name, value))} options={options(name)} />
          </label>
        ))}
      </div>
      <p className="muted">{t('report.classRule')}</p>
      <Tier {...props} />
      <h2>{t('report.severity')}</h2>
      <Scales {...props} />
    </section>
  );
}
