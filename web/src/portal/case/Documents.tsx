/**
 * Documents of a case, drawn by us: a PDF page by page onto a canvas by pdf.js in its worker, a photograph
 * decoded to a canvas. No plug-in, no script of the document, no link of it, no HTML made of it.
 */
import { Button } from 'antd';
import { useEffect, useRef, useState } from 'react';
import { useTexts } from '../../i18n';
import { bytes } from '../../ui/format';
import { useSealFailureText } from '../failure';
import type { CaseIndex, CaseObject } from './bundle';
import { pictureOf, type DrawnDocument } from './drawing';
import type { CaseRead } from './useCase';

/** The text of an object, once opened. */
export function useObjectText(object: CaseObject | null, open: CaseRead['open']): { text: string | null; error: unknown } {
  const [state, setState] = useState<{ address: string; text: string | null; error: unknown }>({ address: '', text: null, error: null });
  const address = object?.address ?? '';
  useEffect(() => {
    if (object === null) return;
    let left = false;
    open(object).then(
      (data) => !left && setState({ address: object.address, text: new TextDecoder().decode(data), error: null }),
      (error: unknown) => !left && setState({ address: object.address, text: null, error }),
    );
    return () => {
      left = true;
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- an object is what its address says
  }, [address, open]);
  return state.address === address ? state : { text: null, error: null };
}

function Sheet({ object, open, onClose }: { object: CaseObject; open: CaseRead['open']; onClose: () => void }) {
  const { t } = useTexts();
  const failureText = useSealFailureText();
  const canvas = useRef<HTMLCanvasElement>(null);
  const [drawn, setDrawn] = useState<DrawnDocument | null>(null);
  const [page, setPage] = useState(1);
  const [failure, setFailure] = useState<string | null>(null);

  useEffect(() => {
    let left = false;
    let mine: DrawnDocument | null = null;
    open(object)
      .then((data) => pictureOf(data, object.content_type))
      .then(
        (document) => {
          mine = document;
          if (left) document.close();
          else setDrawn(document);
        },
        (error: unknown) => !left && setFailure(error instanceof TypeError ? t('documents.notOurs') : failureText(error)),
      );
    return () => {
      left = true;
      mine?.close();
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- one opening for one sheet, whatever the language becomes
  }, [object, open]);

  useEffect(() => {
    if (drawn === null || canvas.current === null) return;
    let left = false;
    drawn.draw(page, canvas.current).catch(() => !left && setFailure(t('documents.cannotDraw', { n: page })));
    return () => {
      left = true;
    };
  }, [drawn, page, t]);

  return (
    <div className="document-sheet" role="dialog" aria-label={object.title} data-testid="document-sheet">
      <header>
        <b className="ellipsis grow">{object.title}</b>
        {drawn !== null && drawn.pages > 1 && (
          <span className="pager">
            <Button size="small" disabled={page <= 1} onClick={() => setPage(page - 1)} aria-label={t('documents.previous')}>
              ‹
            </Button>
            <span className="num">
              {page} / {drawn.pages}
            </span>
            <Button size="small" disabled={page >= drawn.pages} onClick={() => setPage(page + 1)} aria-label={t('documents.next')}>
              ›
            </Button>
          </span>
        )}
        <Button size="small" onClick={onClose}>
          {t('documents.close')}
        </Button>
      </header>
      {failure !== null && <p className="note-warn">✕ {failure}</p>}
      {failure === null && drawn === null && <p className="muted">{t('documents.opening')}</p>}
      <div className="document-frame">
        <canvas ref={canvas} data-testid="document-canvas" aria-label={t('documents.page', { n: page })} />
      </div>
    </div>
  );
}

export function Documents({ index, open }: { index: CaseIndex; open: CaseRead['open'] }) {
  const { t } = useTexts();
  const [shown, setShown] = useState<CaseObject | null>(null);
  const documents = index.objects.filter((one) => one.kind === 'document');
  if (documents.length === 0) return <p className="muted">{t('documents.none')}</p>;
  return (
    <>
      <ul className="documents">
        {documents.map((one) => (
          <li key={one.object}>
            <button type="button" className="document-line" onClick={() => setShown(one)}>
              <b>{one.title === '' ? t('documents.untitled') : one.title}</b>
              <span className="muted">
                {one.content_type === 'application/pdf' ? 'PDF' : t('documents.photo')} · {bytes(one.length)}
              </span>
            </button>
          </li>
        ))}
      </ul>
      {shown !== null && <Sheet key={shown.object} object={shown} open={open} onClose={() => setShown(null)} />}
    </>
  );
}
