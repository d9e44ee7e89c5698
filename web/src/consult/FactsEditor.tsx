/** Laboratory, lung function and pathology results typed in by hand, until the hospital's own systems bring them. */
import { Button, Input, Select } from 'antd';
import { useSession } from '../app/session';
import { useTexts } from '../i18n';
import { FACTS, NO_FACT, type EnteredFact } from './asked';

interface Props {
  entered: readonly EnteredFact[];
  onChange: (entered: EnteredFact[]) => void;
}

const MOST = 100;

export function FactsEditor({ entered, onChange }: Props) {
  const { t } = useTexts();
  const { me } = useSession();
  const change = (at: number, part: Partial<EnteredFact>) => onChange(entered.map((one, index) => (index === at ? { ...one, ...part } : one)));
  return (
    <div className="facts-editor" data-testid="entered">
      {entered.length > 0 && (
        <table className="facts-table">
          <thead>
            <tr>
              <th scope="col">{t('entered.category')}</th>
              <th scope="col">{t('entered.test')} *</th>
              <th scope="col">{t('entered.result')} *</th>
              <th scope="col">{t('entered.unit')}</th>
              <th scope="col">{t('entered.date')}</th>
              <th scope="col">
                <span className="sr-only">{t('entered.drop')}</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {entered.map((one, at) => (
              <tr key={at}>
                <td>
                  <Select aria-label={t('entered.category')} value={one.category} onChange={(category) => change(at, { category })} options={FACTS.map((value) => ({ value, label: t(`facts.${value}`) }))} />
                </td>
                <td>
                  <Input aria-label={t('entered.test')} maxLength={120} value={one.test} onChange={(event) => change(at, { test: event.target.value })} />
                </td>
                <td>
                  <Input aria-label={t('entered.result')} maxLength={2000} value={one.result} onChange={(event) => change(at, { result: event.target.value })} />
                </td>
                <td>
                  <Input aria-label={t('entered.unit')} maxLength={40} value={one.unit} onChange={(event) => change(at, { unit: event.target.value })} />
                </td>
                <td>
                  <Input aria-label={t('entered.date')} type="date" value={one.date} onChange={(event) => change(at, { date: event.target.value })} />
                </td>
                <td>
                  <Button size="small" type="text" aria-label={t('entered.drop')} onClick={() => onChange(entered.filter((_, index) => index !== at))}>
                    ✕
                  </Button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <p>
        <Button size="small" disabled={entered.length >= MOST} onClick={() => onChange([...entered, { ...NO_FACT, category: entered.at(-1)?.category ?? NO_FACT.category }])} data-testid="add-fact">
          ＋ {t('entered.add')}
        </Button>{' '}
        {entered.length > 0 && <span className="muted">{t('entered.source', { name: me?.name ?? '' })}</span>}
      </p>
    </div>
  );
}
