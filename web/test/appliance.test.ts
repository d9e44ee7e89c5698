import { describe, expect, it } from 'vitest';
import type { Delivery, ImageQc } from '../src/api/types';
import { worstOf } from '../src/study/QcPanel';
import { imagesOf } from '../src/study/RecordPanels';
import { labelsOf } from '../src/viewer/Overlay';

const sent = (label: string, state: Delivery['state'], at: string): Delivery => ({ destination: 'pacs', sop_class: '1', sop_instance: at, label, state, at });

describe('what the appliance says', () => {
  it('sums forwarded images up by state and leaves results alone', () => {
    const groups = imagesOf([sent('image', 'confirmed', '1'), sent('sr', 'confirmed', '9'), sent('image', 'failed', '2'), sent('image', 'confirmed', '3')]);
    expect(groups).toEqual([
      { destination: 'pacs', state: 'confirmed', count: 2, at: '3' },
      { destination: 'pacs', state: 'failed', count: 1, at: '2' },
    ]);
  });

  it('shows the worst verdict of the images until the study has its own', () => {
    const judged = (verdict: ImageQc['verdict']): ImageQc => ({ sop_instance: verdict, verdict, at: '', qc: verdict === 'failed' ? null : { verdict, reasons: [] }, error: null });
    expect(worstOf([])).toBeNull();
    expect(worstOf([judged('pass'), judged('reject'), judged('warn')])?.verdict).toBe('reject');
    expect(worstOf([judged('failed')])).toBeNull();
    expect(worstOf([judged('failed'), judged('pass')])?.verdict).toBe('pass');
  });

  it('labels a lesion once, above its highest outline', () => {
    const line = (lesion: number, top: number) => ({ lesion, kind: 'cavity', points: [[5, top + 4], [7, top]] as [number, number][] });
    expect(labelsOf([line(7, 40), line(7, 20), line(9, 30)])).toEqual([
      { lesion: 7, source: 'ai', at: [7, 20] },
      { lesion: 9, source: 'ai', at: [7, 30] },
    ]);
  });
});
