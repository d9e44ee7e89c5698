/** The department's phrase templates: list, edit, take out of use, every version. */
import { Alert, Button, Input, Modal, Select } from 'antd';
import { useState } from 'react';
import { useSession } from '../app/session';
import { useTexts } from '../i18n';
import { instant } from '../ui/format';
import { Failure, Loading, useFailureText } from '../ui/states';
import { useRead } from '../ui/useRead';
import { BLANK, optionsOf, optionsText, withFields, wrongWith, type PhraseForm } from './phrases';
import { SECTIONS, type Phrase, type PhraseHistory } from './types';
import './report.css';

type FieldOf = Phrase['fields'][number];

function FieldForm({ field, onChange }: { field: FieldOf; onChange: (next: FieldOf) => void }) {
  const { t } = useTexts();
  const [options, setOptions] = useState(optionsText(field.options));
  return (
    <div className="phrase-field" data-phrase-field={field.name}>
      <code>{`{${field.name}}`}</code>
      <Input aria-label={t('phrases.fieldZh')} value={field.zh} onChange={(event) => onChange({ ...field, zh: event.target.value })} />
      <Input aria-label={t('phrases.fieldEn')} value={field.en} onChange={(event) => onChange({ ...field, en: event.target.value })} />
      <Select aria-label={t('phrases.fieldKind')} value={field.kind} onChange={(kind) => onChange({ ...field, kind })} options={(['text', 'number', 'choice'] as const).map((kind) => ({ value: kind, label: t(`phrases.kind.${kind}`) }))} />
      {field.kind === 'choice' && (
        <Input
          aria-label={t('phrases.options')}
          placeholder={t('phrases.optionsHint')}
          value={options}
          onChange={(event) => {
            setOptions(event.target.value);
            onChange({ ...field, options: optionsOf(event.target.value) });
          }}
        />
      )}
    </div>
  );
}

function PhraseDialog({ first, taken, onClose, onDone }: { first: PhraseForm; taken: Phrase[]; onClose: () => void; onDone: () => void }) {
  const { t } = useTexts();
  const { api } = useSession();
  const failureText = useFailureText();
  const [form, setForm] = useState(first);
  const [failure, setFailure] = useState<string | null>(null);
  const set = (change: Partial<PhraseForm>) => setForm((old) => withFields({ ...old, ...change }));
  const wrong = wrongWith(form, taken);
  async function submit(): Promise<void> {
    const { id, ...rest } = form;
    try {
      await api.send('PUT', `/api/report/phrases/${encodeURIComponent(id)}`, rest);
      onDone();
      onClose();
    } catch (error) {
      setFailure(failureText(error));
    }
  }
  return (
    <Modal open onCancel={onClose} footer={null} title={t(first.version === 0 ? 'phrases.add' : 'phrases.edit')} width={680}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          if (wrong === null) void submit();
        }}
      >
        {failure !== null && <Alert type="error" showIcon title={failure} role="alert" />}
        <label htmlFor="phrase-id">{t('phrases.id')}</label>
        <Input id="phrase-id" value={form.id} readOnly={first.version > 0} onChange={(event) => set({ id: event.target.value.trim().toLowerCase() })} />
        <label htmlFor="phrase-abbreviation">{t('phrases.abbreviation')}</label>
        <Input id="phrase-abbreviation" value={form.abbreviation} maxLength={20} onChange={(event) => set({ abbreviation: event.target.value })} />
        <label htmlFor="phrase-section">{t('phrases.section')}</label>
        <Select id="phrase-section" value={form.section} onChange={(section) => set({ section })} options={SECTIONS.map((one) => ({ value: one, label: t(`report.section.${one}`) }))} />
        <label htmlFor="phrase-zh">{t('phrases.zh')}</label>
        <Input.TextArea id="phrase-zh" rows={2} value={form.zh} onChange={(event) => set({ zh: event.target.value })} />
        <label htmlFor="phrase-en">{t('phrases.en')}</label>
        <Input.TextArea id="phrase-en" rows={2} value={form.en} onChange={(event) => set({ en: event.target.value })} />
        <p className="muted">{t('phrases.fieldsHint')}</p>
        {form.fields.map((field) => (
          <FieldForm key={field.name} field={field} onChange={(next) => setForm((old) => ({ ...old, fields: old.fields.map((one) => (one.name === next.name ? next : one)) }))} />
        ))}
        <p className="muted" role="status">{wrong === null ? t('phrases.good') : t(`phrases.wrong.${wrong}`)}</p>
        <Button type="primary" htmlType="submit" disabled={wrong !== null} block>
          {t('phrases.save')}
        </Button>
      </form>
    </Modal>
  );
}

function Versions({ history }: { history: PhraseHistory }) {
  const { t, language } = useTexts();
  return (
    <ol className="phrase-versions">
      {history.versions.map((one) => (
        <li key={one.version}>
          <b>{t('report.version', { n: one.version })}</b> {one.by === '' ? t('phrases.fromBox') : `${one.by} · ${instant(one.at)}`} {one.retired && t('phrases.retired')}
          <p>{language === 'zh' ? one.zh : one.en}</p>
        </li>
      ))}
    </ol>
  );
}

function Row({ history, onEdit, onRetire }: { history: PhraseHistory; onEdit: (() => void) | null; onRetire: (() => void) | null }) {
  const { t } = useTexts();
  const [open, setOpen] = useState(false);
  const newest = history.versions[0];
  if (newest === undefined) return null;
  return (
    <>
      <tr data-phrase={history.id} className={history.retired ? 'retired' : undefined}>
        <td>
          <code>{newest.abbreviation}</code>
        </td>
        <td>{t(`report.section.${newest.section}`)}</td>
        <td>
          {newest.zh}
          <br />
          <span className="muted">{newest.en}</span>
        </td>
        <td>
          <Button size="small" aria-expanded={open} onClick={() => setOpen((old) => !old)}>{t('report.version', { n: newest.version })} ▾</Button>
        </td>
        <td className="phrase-acts">
          {history.retired && <span className="chip chip-quiet">{t('phrases.retired')}</span>}
          {onEdit !== null && <Button size="small" onClick={onEdit}>{t(history.retired ? 'phrases.again' : 'report.edit')}</Button>}
          {onRetire !== null && !history.retired && <Button size="small" onClick={onRetire}>{t('phrases.retire')}</Button>}
        </td>
      </tr>
      {open && (
        <tr>
          <td colSpan={5}>
            <Versions history={history} />
          </td>
        </tr>
      )}
    </>
  );
}

export default function PhrasesPage() {
  const { t } = useTexts();
  const { api, may } = useSession();
  const failureText = useFailureText();
  const read = useRead<{ rows: PhraseHistory[] }>('/api/report/phrases/all');
  const [form, setForm] = useState<PhraseForm | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  if (read.data === null) return read.error === null ? <Loading label={t('state.loadingPage')} /> : <Failure error={read.error} onRetry={read.reload} />;
  const edits = may('report.phrases');
  const rows = read.data.rows;
  const inUse = rows.flatMap((one) => (one.retired || one.versions[0] === undefined ? [] : [one.versions[0]]));
  async function retire(one: PhraseHistory): Promise<void> {
    try {
      await api.send('POST', `/api/report/phrases/${encodeURIComponent(one.id)}/retire`, { version: one.versions[0]?.version ?? 0 });
      setFailure(null);
      read.reload();
    } catch (error) {
      setFailure(failureText(error));
    }
  }
  return (
    <div className="page report-alone phrases-page">
      <header className="report-head">
        <h1>{t('phrases.title')}</h1>
        <span className="grow muted">{t('phrases.rule')}</span>
        {edits && <Button type="primary" onClick={() => setForm(BLANK)}>{t('phrases.add')}</Button>}
      </header>
      {failure !== null && <Alert type="error" showIcon title={failure} role="alert" />}
      <table className="report-table phrases-table">
        <thead>
          <tr>
            <th>{t('phrases.abbreviation')}</th>
            <th>{t('phrases.section')}</th>
            <th>{t('phrases.words')}</th>
            <th>{t('report.versions')}</th>
            <th>{t('phrases.acts')}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((one) => {
            const newest = one.versions[0];
            return <Row key={one.id} history={one} onEdit={edits && newest !== undefined ? () => setForm(newest) : null} onRetire={edits ? () => void retire(one) : null} />;
          })}
        </tbody>
      </table>
      {form !== null && <PhraseDialog first={form} taken={inUse} onClose={() => setForm(null)} onDone={read.reload} />}
    </div>
  );
}
