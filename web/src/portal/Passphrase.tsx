/** A new passphrase, typed twice, with how long a thief would need for it. */
import { Input } from 'antd';
import { useState } from 'react';
import { useTexts } from '../i18n';
import { acceptable, SHORTEST, strengthOf } from './strength';

function Meter({ passphrase, personal }: { passphrase: string; personal: readonly string[] }) {
  const { t } = useTexts();
  const strength = strengthOf(passphrase, personal);
  const steps = { too_short: 0, weak: 1, fair: 2, strong: 3 }[strength];
  return (
    <p className={`meter meter-${strength}`} role="status" data-testid="strength">
      <svg viewBox="0 0 120 6" aria-hidden="true">
        {[0, 1, 2].map((at) => (
          <rect key={at} x={at * 41} y="0" width="38" height="6" rx="1" className={at < steps ? 'on' : 'off'} />
        ))}
      </svg>
      {passphrase === '' ? t('keys.passphraseHint', { n: SHORTEST }) : t(`keys.strength.${strength}`, { n: SHORTEST })}
    </p>
  );
}

/** `onChange` hears the passphrase once both fields agree and it is good enough, "" otherwise. */
export function NewPassphrase({ personal, onChange, autoFocus = false, label }: { personal: readonly string[]; onChange: (passphrase: string) => void; autoFocus?: boolean; label?: string }) {
  const { t } = useTexts();
  const [first, setFirst] = useState('');
  const [again, setAgain] = useState('');
  function tell(one: string, other: string): void {
    onChange(one === other && acceptable(one, personal) ? one : '');
  }
  return (
    <>
      <label htmlFor="keys-passphrase">{label ?? t('keys.passphrase')}</label>
      <Input.Password
        id="keys-passphrase"
        autoComplete="new-password"
        autoFocus={autoFocus}
        value={first}
        onChange={(event) => {
          setFirst(event.target.value);
          tell(event.target.value, again);
        }}
        aria-describedby="keys-meter"
      />
      <div id="keys-meter">
        <Meter passphrase={first} personal={personal} />
      </div>
      <label htmlFor="keys-again">{t('keys.passphraseAgain')}</label>
      <Input.Password
        id="keys-again"
        autoComplete="new-password"
        value={again}
        onChange={(event) => {
          setAgain(event.target.value);
          tell(first, event.target.value);
        }}
      />
      {again !== '' && again !== first && <p className="warn-text">{t('account.passwordDiffers')}</p>}
    </>
  );
}
