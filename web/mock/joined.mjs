// Development only: what a patient's studies say together, invented, in every state it can have.
import { png } from './pictures.mjs';

const kinds = ['cavity', 'solid_nodule', 'tree_in_bud'];
const lesion = (id, ml, x, z) => ({ id, kind: kinds[id - 1] ?? 'solid_nodule', centroid_mm: [x, 0, z], volume_ml: ml, long_axis_mm: 18, short_axis_mm: 12, mean_hu: 20, location: 'right_upper_zone', probability: 0.9, intervals: { volume_ml: [ml * 0.85, ml * 1.15] } });
const side = (study_date, lesions) => ({ study_date, slice_spacing_mm: 1.25, lesions: Object.fromEntries(lesions.map((one) => [one.id, one])) });
const change = (verdict, zh, en, prior, current, before, after) => ({
  verdict, verdict_zh: zh, verdict_en: en, prior_ids: prior, current_ids: current, kind_prior: prior.length > 0 ? 'cavity' : null, kind_current: current.length > 0 ? 'cavity' : null,
  volume_prior_ml: before, volume_current_ml: after, volume_change: before && after ? after / before - 1 : null, doubling_time_days: verdict === 'growth' ? [71, 55, 98] : null, rule: before && after ? 'interval' : '',
});
const followUp = {
  status: 'ok', reasons: [{ code: 'FU_SLICES_THICK', severity: 'warn', message_zh: '至少一次扫描的层间距大于 3 mm', message_en: 'Slices of one scan are more than 3 mm apart' }], conclusion_zh: '与既往相比，疑似进展：1 处疑似新发，1 处增大，1 处无超出误差的变化', conclusion_en: 'Against the prior, suspected progression: 1 suspected new, 1 larger, 1 unchanged within repeatability',
  note_zh: '影像稳定不等于结核无活动性', note_en: 'Stable on images is not the same as inactive tuberculosis', lung_ml: [4420, 4280], registration: { lung_dice: 0.982, found_share: 0.97, block_correlation: 0.96, residual_median_mm: 0.3, residual_p95_mm: 0.9 },
  recist: { category: 'PD', sum_prior_mm: 28.1, sum_current_mm: 36.4, target_ids: [1] },
  changes: [
    change('growth', '增大（超出重复性误差）', 'larger, beyond repeatability', [1], [1], 3.1, 5.6),
    change('new', '新出现', 'new', [], [2], null, 0.42),
    change('within_repeatability', '在重复性误差之内', 'within repeatability', [2], [3], 0.61, 0.63),
    change('undetermined', '不确定', 'undetermined', [4], [], 0.2, null),
  ],
  prior: side('20260901', [lesion(1, 3.1, -60, 80), lesion(2, 0.61, 50, 20), lesion(4, 0.2, 40, 0)]), current: side('20261122', [lesion(1, 5.6, -60, 80), lesion(2, 0.42, 20, 60), lesion(3, 0.63, 50, 20)]),
};
const joint = {
  agree: false, days_apart: 3, film: { rows: 400, columns: 400 }, front: { left_mm: -160, top_mm: 160, width_mm: 320, height_mm: 300 }, lesions: [lesion(1, 5.6, -60, 80), lesion(3, 0.63, 50, 20)], regions: [{ box_px: [90, 80, 150, 150] }],
  statements: [{ code: 'JOINT_BOTH_SUSPECTED', stand: 'agree', zh: '胸片与 CT 均为疑似结核', en: 'Radiograph and CT are both suspected' }, { code: 'JOINT_REGION_UNEXPLAINED', stand: 'disagree', zh: '胸片 1 处可疑区域在 CT 上没有对应病灶', en: '1 region has no lesion on the CT' }],
  overlay: { status: 'ok', reason: null, agreement: 0.91, lesions: [{ lesion_id: 1, centre_px: [120, 110], ellipse_px: [34, 23], in_image: true }], regions: [{ region: 0, front_mm: [-60, -100, -85], back_mm: [-58, 100, -83], radius_mm: [22, 30] }] },
};
const fusion = {
  status: 'refused', reason: { code: 'E3763', message_zh: '缺少体重，不能计算 SUV', message_en: 'No weight: SUV cannot be computed' }, qc: { reasons: [] }, suv: null, foci: null,
  alignment: { length_mm: 3.1, angle_deg: 0.4, used: true, shared_frame: true, spread_mm: 0.3 }, sentences: [{ zh: '未给出 PET 摄取值。CT 结果不受影响。', en: 'No PET uptake values are given. The CT result stands.' }],
};
const other = (study, modality, study_date) => ({ study, study_date, study_time: '101500', modality, description: '胸部' });
const row = (id, task, state, more) => ({ id, task, state, at: '2026-11-22T09:00:00Z', days: 82, carrier: true, reason: null, other: other('s0002', 'CT', '20260901'), ...more });
const refused = { code: 'FU_NOT_COMPARABLE', message_zh: '两次扫描的肺无法可靠配准', message_en: 'The lungs of the two scans cannot be registered reliably' };
const ROWS = [
  row('f1', 'follow_up', 'ok', {}), row('j1', 'joint', 'ok', { days: 3, other: other('s0113', 'DX', '20261119') }),
  row('p1', 'fusion', 'refused', { days: 0, reason: fusion.reason, other: other('s0004', 'PT', '20261122') }),
  row('w1', 'follow_up', 'waiting', { carrier: false, days: null }), row('r1', 'joint', 'running', { carrier: false, days: null }),
  row('x1', 'follow_up', 'failed', { carrier: false, reason: { code: 'E5302', message_zh: '处理步骤异常终止', message_en: 'The stage ended with a defect' } }),
  row('n1', 'follow_up', 'refused', { carrier: false, reason: refused }),
];
const WHOLE = { f1: [followUp, ['change-0', 'change-1']], j1: [joint, ['film', 'front']], p1: [fusion, ['middle', 'projection']], x1: [{}, []], n1: [{}, []] };

/** The list of a study, one comparison or one picture by path; null where there is none. */
export function answer(study, id, name) {
  const rows = study === 's0001' ? ROWS : [];
  if (id === undefined) return { json: { automatic: true, film_ct_days: 90, looking: false, rows } };
  const found = rows.find((one) => one.id === id);
  const [result, pictures] = WHOLE[id] ?? [];
  if (found === undefined || result === undefined) return null;
  if (name === undefined) return { json: { ...found, result, pictures, notes: id === 'f1' ? [{ code: 'JOIN_METHOD_DIFFERS', message_zh: '两次检查由不同版本分析', message_en: 'Analysed by different versions' }] : [] } };
  const wide = name.startsWith('change') ? 2 : 1;
  return { png: png(200 * wide, 200, (x, y) => [(x * 3) % 256, (y * 2) % 256, 90, 255]) };
}
