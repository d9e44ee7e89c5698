/** The editing tools in the toolbar; before "Edit" is pressed outlines are read-only. */
import { ToolButton } from '../study/Toolbar';
import { useTexts } from '../i18n';
import { EDIT_TOOLS, type EditTool } from './hand';
import type { ReviewState } from './useReview';

const KEYS: Record<EditTool, string> = { brush: 'B', eraser: '⇧B', freehand: '⇧F', spline: 'V', sculpt: '⇧S', cut: '⇧X' };

export function ReviewBar({ review, inHand, onTool, onEdit, onDelete }: { review: ReviewState; inHand: boolean; onTool: (tool: EditTool) => void; onEdit: () => void; onDelete: () => void }) {
  const { t } = useTexts();
  if (!review.mayEdit) return null;
  return (
    <div className="group" role="group" aria-label={t('review.tools')} data-testid="review-bar" data-editing={review.editing}>
      <ToolButton on={review.editing} keyName="E" sign="edit" label={t('review.edit')} onClick={onEdit} disabled={review.busy} />
      {review.editing && (
        <>
          {EDIT_TOOLS.map((tool) => (
            <ToolButton key={tool} on={inHand && review.tool === tool} keyName={KEYS[tool]} sign={tool} label={t(`review.tool.${tool}`)} onClick={() => onTool(tool)} />
          ))}
          <ToolButton keyName="[" label={t('review.smaller')} onClick={() => review.bigger(-1)}>
            −
          </ToolButton>
          <span className="num" data-testid="brush-size">
            {review.radius}
          </span>
          <ToolButton keyName="]" label={t('review.bigger')} onClick={() => review.bigger(1)}>
            ＋
          </ToolButton>
          <ToolButton keyName="⇧I" sign="interpolate" label={t('review.interpolate')} onClick={() => void review.interpolate()} />
          <ToolButton keyName="Del" sign="remove" label={t('review.deleteContour')} onClick={onDelete} />
        </>
      )}
    </div>
  );
}
