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

const ZOOMS = [0.5, 0.75, 1, 1.5, 2, 3, 4] as const;

/** The next step of the zoom; at an end it stays. Pure. */
export function zoomed(zoom: number, by: 1 | -1): number {
  const next = by > 0 ? ZOOMS.find((one) => one > zoom) : [...ZOOMS].reverse().find((one) => one < zoom);
  return next ?? zoom;
}

interface Acts {
  zoom: (by: 1 | -1) => void;
  turn: (by: 1 | -1) => void;
}
const KEYS: Partial<Record<string, (acts: Acts) => void>> = { '+': ({ zoom }) => zoom(1), '=': ({ zoom }) => zoom(1), '-': ({ zoom }) => zoom(-1), PageDown: ({ turn }) => turn(1), PageUp: ({ turn }) => turn(-1) };

/** Dragging moves a page that is larger than its frame. */
function dragged(event: React.PointerEvent<HTMLDivElement>): void {
  if (event.button !== 0 || event.pointerType === 'touch') return;
  const frame = event.currentTarget;
  const [x, y, left, top] = [event.clientX, event.clientY, frame.scrollLeft, frame.scrollTop];
  const move = (next: PointerEvent) => frame.scrollTo(left - (next.clientX - x), top - (next.clientY - y));
  const end = () => {
    frame.removeEventListener('pointermove', move);
    frame.removeEventListener('pointerup', end);
    frame.removeEventListener('pointercancel', end);
  };
  frame.setPointerCapture(event.pointerId);
  frame.addEventListener('pointermove', move);
  frame.addEventListener('pointerup', end);
  frame.addEventListener('pointercancel', end);
}

function Sheet({ object, open, onClose }: { object: CaseObject; open: CaseRead['open']; onClose: () => void }) {
  const { t } = useTexts();
  const failureText = useSealFailureText();
  const canvas = useRef<HTMLCanvasElement>(null);
  const [drawn, setDrawn] = useState<DrawnDocument | null>(null);
  const [page, setPage] = useState(1);
  const [zoom, setZoom] = useState(1);
  const frame = useRef<HTMLDivElement>(null);
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
    drawn.draw(page, canvas.current, zoom).catch(() => !left && setFailure(t('documents.cannotDraw', { n: page })));
    return () => {
      left = true;
    };
  }, [drawn, page, zoom, t]);

  // The keyboard belongs to the document while it is open, not to the pictures behind it.
  useEffect(() => frame.current?.focus(), []);
  function onKey(event: React.KeyboardEvent): void {
    event.stopPropagation();
    const act = KEYS[event.key];
    if (event.key === 'Escape') onClose();
    else if (act !== undefined) act({ zoom: (by) => setZoom((old) => zoomed(old, by)), turn: (by) => setPage((old) => Math.min(Math.max(1, old + by), drawn?.pages ?? 1)) });
    else return;
    event.preventDefault();
  }

  return (
    <div className="document-sheet" role="dialog" aria-label={object.title} data-testid="document-sheet" onKeyDown={onKey}>
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
        <span className="pager" role="group" aria-label={t('tool.zoom')}>
          <Button size="small" disabled={zoom <= ZOOMS[0]} onClick={() => setZoom(zoomed(zoom, -1))} aria-label={t('documents.smaller')}>
            −
          </Button>
          <button type="button" className="link-button num" title={t('documents.whole')} onClick={() => setZoom(1)} data-testid="zoom">
            {Math.round(zoom * 100)} %
          </button>
          <Button size="small" disabled={zoom >= (ZOOMS.at(-1) ?? 1)} onClick={() => setZoom(zoomed(zoom, 1))} aria-label={t('documents.larger')}>
            +
          </Button>
        </span>
        <Button size="small" onClick={onClose}>
          {t('documents.close')}
        </Button>
      </header>
      {failure !== null && <p className="note-warn">✕ {failure}</p>}
      {failure === null && drawn === null && <p className="muted">{t('documents.opening')}</p>}
      <div ref={frame} className="document-frame" tabIndex={0} aria-label={object.title} onPointerDown={dragged}>
        <canvas ref={canvas} style={{ width: `${zoom * 100}%` }} data-testid="document-canvas" aria-label={t('documents.page', { n: page })} />
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
