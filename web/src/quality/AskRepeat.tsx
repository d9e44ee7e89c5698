/** The button at the head of a study that asks the modality room; gone while a request is open. */
import { Button } from 'antd';
import { useState } from 'react';
import { useCommands } from '../app/keys';
import { useSession } from '../app/session';
import { useTexts } from '../i18n';
import { isOpen } from './quality';
import { AskDialog } from './RepeatBox';
import type { Quality } from './types';

export function AskRepeat({ study, quality, onChanged }: { study: string; quality: Quality; onChanged: () => void }) {
  const { t } = useTexts();
  const { may } = useSession();
  const [asking, setAsking] = useState(false);
  const serves = may('repeat.ask') && !quality.requests.some(isOpen);
  useCommands({ 'view.askRepeat': () => setAsking(true) }, serves);
  if (!serves) return null;
  return (
    <>
      <Button size="small" title={t('repeat.explain')} onClick={() => setAsking(true)} data-testid="ask-repeat-head">
        ↺ {t('repeat.button')}
      </Button>
      {asking && <AskDialog study={study} quality={quality} onClose={() => setAsking(false)} onDone={onChanged} />}
    </>
  );
}
