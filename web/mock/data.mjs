// Invented people and studies for the development server.
import { CT, DR, LESIONS, outlineOn, PET } from './pictures.mjs';

const NAMES = [
  ['张伟', 'zhangwei', 'M'], ['李秀英', 'lixiuying', 'F'], ['欧阳娜仁', 'ouyangnaren', 'F'], ['单雄信', 'shanxiongxin', 'M'],
  ['买买提·艾力', 'maimaitiaili', 'M'], ['<img src=x onerror=alert(1)>', 'script', 'O'], ['𠮷田花', 'jitianhua', 'F'], ['曾国强', 'zengguoqiang', 'M'],
  ['王芳', 'wangfang', 'F'], ['赵铁柱', 'zhaotiezhu', 'M'], ['仇英', 'qiuying', 'F'], ['解晓东', 'xiexiaodong', 'M'],
  ['次仁卓玛', 'cirenzhuoma', 'F'], ['刘建国', 'liujianguo', 'M'], ['陈静', 'chenjing', 'F'], ['孙悦', 'sunyue', 'F'],
];
const initialsOf = (pinyin) => ({ zhangwei: 'zw', lixiuying: 'lxy', ouyangnaren: 'oynr', wangfang: 'wf', liujianguo: 'ljg' })[pinyin] ?? pinyin[0];
const SOURCES = [
  ['县人民医院', 'CT_ROOM1', 'UNITED IMAGING', 'uCT 530', 'CT1'],
  ['县人民医院', 'DR_ROOM2', 'WANDONG', 'DIGITAL-V3', 'DR2'],
  ['结核病防治所', 'TBDR', 'ANGELL', 'AR-2000', 'TB1'],
];
const at = (now, minutes) => new Date(now - minutes * 60000).toISOString();
const day = (now, minutes) => at(now, minutes).slice(0, 10);

const STATES = [
  { qc: 'pass', ai: 'ok', delivery: 'confirmed' },
  { qc: 'pass', ai: 'ok', delivery: 'confirmed' },
  { qc: 'warn', ai: 'ok', delivery: 'unconfirmed', superseded: true },
  { qc: 'reject', ai: 'refused', delivery: 'none' },
  { qc: 'pass', ai: 'running', delivery: 'none' },
  { qc: 'pass', ai: 'failed', delivery: 'failed' },
  { qc: 'none', ai: 'not_applicable', delivery: 'none' },
  { qc: 'pending', ai: 'waiting', delivery: 'none', completeness: 'receiving' },
  { qc: 'warn', ai: 'ok', delivery: 'sent', overridden: true },
  { qc: 'pass', ai: 'ok', delivery: 'pending', text_repaired: true, identity_corrected: true },
];

export function makeRow(i, now) {
  const [name, pinyin, sex] = NAMES[i % NAMES.length];
  const ct = i % 3 !== 1;
  const state = STATES[i % STATES.length];
  const source = SOURCES[ct ? 0 : 1 + (i % 2)];
  const minutes = 4 + i * 37;
  const positive = i % 4 === 1;
  const person = i === 48 || i === 112 ? 0 : i; // the first patient was here before
  return {
    study: `s${String(i + 1).padStart(4, '0')}`,
    study_uid: `2.25.9000${i + 1}`,
    patient_name: name,
    pinyin,
    initials: initialsOf(pinyin),
    patient_id: `P${String(203100 + person * 7)}`,
    sex,
    birth_date: `19${45 + ((person * 7) % 50)}-0${1 + (person % 9)}-1${person % 9}`,
    study_date: day(now, minutes),
    study_time: at(now, minutes).slice(11, 19),
    modality: ct ? 'CT' : 'DX',
    description: ct ? '胸部 CT 平扫 (薄层 1.25 mm)' : '胸部正位 PA',
    accession: `A${880000 + i}`,
    institution: source[0], source_ae: source[1], manufacturer: source[2], model: source[3], station: source[4],
    series_count: ct ? 3 : 1,
    instance_count: ct ? CT.slices * 2 + 2 : 1,
    completeness: 'complete', superseded: false, overridden: false, text_repaired: false, identity_corrected: false,
    ...state,
    tb_score: !ct && state.ai === 'ok' ? (positive ? 0.87 : 0.08 + (i % 7) / 50) : null,
    tb_positive: !ct && state.ai === 'ok' ? positive : null,
    lesion_count: ct && state.ai === 'ok' ? (i % 4 === 2 ? 0 : LESIONS.length) : null,
    received_at: at(now, minutes - 3),
    updated_at: at(now, minutes - 2),
  };
}

const kinds = { solid_nodule: 0.82, cavity: 0.94, tree_in_bud: 0.61 };
const lesion = (l) => ({
  id: l.id,
  kind: l.kind,
  centroid_mm: [(l.x - 128) * CT.spacing, (l.y - 128) * CT.spacing, -l.z * CT.thickness],
  volume_ml: +(((4 / 3) * Math.PI * (l.r * CT.spacing) ** 3) / 1000).toFixed(2),
  long_axis_mm: +(2 * l.r * CT.spacing * 1.08).toFixed(1),
  short_axis_mm: +(2 * l.r * CT.spacing * 0.9).toFixed(1),
  mean_hu: l.hu,
  location: ['right_upper_zone', 'left_middle_zone', 'right_middle_zone'][l.id - 1],
  probability: kinds[l.kind],
  extra: l.kind === 'cavity' ? { wall_mean_mm: 4.2 } : {},
  intervals: { long_axis_mm: [+(2 * l.r * CT.spacing * 1.08 - 0.8).toFixed(1), +(2 * l.r * CT.spacing * 1.08 + 0.8).toFixed(1)] },
  codes: { lobe: ['right_upper_lobe', 'left_upper_lobe', 'right_middle_lobe'][l.id - 1], margin: 'lobulated', shape: 'round' },
});
const CASE = {
  suspicion: 0.86, interval: [0.38, 0.98], threshold: 0.5, suspected: true,
  basis: [{ code: 'cavity', lesions: [2], weight: 1.5 }, { code: 'tree_in_bud', lesions: [3], weight: 1.1 }, { code: 'bilateral', lesions: [2, 3], weight: 0.3 }],
  counts: { solid_nodule: 1, cavity: 1, tree_in_bud: 1 }, bilateral: true, cavitary: true,
  burden_percent: 1.4, burden_by_kind: { cavity: 1.1, solid_nodule: 0.1, tree_in_bud: 0.2 }, burden_by_lobe: { left_upper_lobe: 4.2, right_middle_lobe: 1.1 },
  severity: 'moderately_advanced', activity: [{ code: 'cavity', lesions: [2], weight: 0 }, { code: 'tree_in_bud', lesions: [3], weight: 0 }],
  resistance: [{ code: 'thick_walled_cavity', lesions: [2], weight: 0 }],
};

const REASONS = {
  warn: [{ code: 'CT_SLICE_THICK', severity: 'warn', message_zh: '层厚 5 mm，大于 3 mm：可阅片，AI 结果仅供参考。建议用薄层重建。', message_en: 'Slice thickness 5 mm exceeds 3 mm: readable, AI result is indicative only. Reconstruct thin slices.', metric: 'slice_thickness_mm', value: 5, limit: 3 }],
  reject: [
    { code: 'DR_EXPOSURE_LOW', severity: 'reject', message_zh: '曝光不足（偏差指数 −7.2 dB）：请提高 mAs 后重拍。', message_en: 'Under-exposed (deviation index −7.2 dB): repeat with more mAs.', metric: 'deviation_index_db', value: -7.2, limit: -6 },
    { code: 'DR_COLLIMATION', severity: 'warn', message_zh: '右肋膈角未完全包括。', message_en: 'Right costophrenic angle not fully included.', metric: 'lung_margin_mm', value: 2.1, limit: 10 },
  ],
};

/** One study has a PET beside its CT, aligned by the appliance. */
export const PET_STUDY = 's0021';
const petOf = (uid) => ({
  status: 'ok', series_uid: uid, reason: null, qc: { reasons: [] }, suv: { unit: '{SUVbw}g/ml', basis: 'series_time', per_unit: 1 / PET.perSuv, uptake_min: 62, liver_mean: 2.1, liver_sd: 0.2, hot_threshold: 3 },
  alignment: { shift_mm: [PET.asideMm, 0, 0], length_mm: PET.asideMm, angle_deg: 0, used: true, shared_frame: true, motion: [[1, 0, 0, PET.asideMm], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], spread_mm: 0.3 },
  foci: [{ id: 1, site: 'right_lung', assessed: true, lesion: 1, suv_max: 8, suv_peak: 7.9, metabolic_volume_41_ml: 20 }], sentences: [{ zh: '右肺 1 处 FDG 摄取增高。', en: '1 focus of raised FDG uptake in the right lung.' }],
});

function analysisOf(row) {
  if (row.ai === 'waiting' || row.ai === 'running') return null;
  const ct = row.modality === 'CT';
  const failed = { code: 'E3104', message_zh: '推理中断：显存不足，系统将自动重试。', message_en: 'Inference stopped: out of GPU memory; it will be retried.' };
  const refused = { code: 'E3031', message_zh: '质控拒绝：图像不适合自动分析。', message_en: 'Refused by quality control: the image does not suit automatic analysis.' };
  const none = { code: 'E3003', message_zh: '不是胸部检查，不做分析。', message_en: 'Not a chest examination; not analysed.' };
  return {
    study: row.study_uid,
    modality: row.modality,
    status: row.ai,
    reason: { failed, refused, not_applicable: none }[row.ai] ?? null,
    qc: row.qc === 'none' || row.qc === 'pending' ? null : { verdict: row.qc, reasons: REASONS[row.qc] ?? [], metrics: ct ? { slice_thickness_mm: 5, noise_hu: 14.2, coverage_mm: 300 } : { deviation_index_db: row.qc === 'reject' ? -7.2 : -0.8, sharpness: 0.71 } },
    tb: !ct && row.ai === 'ok' ? { score: row.tb_score, threshold: 0.42, positive: row.tb_positive, model: 'xinglin-dr-tb', version: '0.3.1', calibration_set: 'shenzhen+montgomery 2026-10' } : null,
    lesions: ct && row.ai === 'ok' ? LESIONS.slice(0, row.lesion_count).map(lesion) : null,
    case: ct && row.ai === 'ok' && row.lesion_count === LESIONS.length ? CASE : null,
    series: ct ? { series_uid: `${row.study_uid}.2`, reason_code: 'THINNEST_LUNG', reason_zh: '选用肺窗重建序列：覆盖全胸，层厚最薄。', reason_en: 'Lung-kernel series: covers the chest, thinnest slices.' } : null,
    method: ct ? { model: 'xinglin-ct-classical', version: '0.1.0', threshold: 0.5, calibration_set: 'digital phantom 1–20', research_only: true } : { model: 'xinglin-dr-tb', version: '0.3.1', threshold: 0.42, calibration_set: 'shenzhen+montgomery 2026-10', research_only: true },
    ...(row.study === PET_STUDY ? { pet: petOf(`${row.study_uid}.4`) } : {}),
    seconds: ct ? { read: 3.1, quality: 1.4, lungs: 9.8, lesions: 14.2, measure: 1.1 } : { read: 0.2, quality: 0.3, inference: 0.6 },
  };
}

export function studyOf(row) {
  const u = row.study_uid;
  const ct = row.modality === 'CT';
  const series = ct
    ? [
        { series_uid: `${u}.1`, modality: 'CT', number: 1, description: 'Topogram', instances: 1, chosen: false },
        { series_uid: `${u}.2`, modality: 'CT', number: 2, description: '肺窗 B60f 5.0', instances: CT.slices, chosen: true },
        { series_uid: `${u}.3`, modality: 'CT', number: 3, description: '纵隔 B31f 5.0', instances: CT.slices, chosen: false },
        ...(row.study === PET_STUDY ? [{ series_uid: `${u}.4`, modality: 'PT', number: 4, description: 'PET AC', instances: PET.slices, chosen: false }] : []),
      ]
    : [{ series_uid: `${u}.1`, modality: 'DX', number: 1, description: '胸部正位', instances: 1, chosen: true }];
  const override = row.overridden ? { by: '王医生', at: row.updated_at, reason: '患者无法重拍，临床需要参考' } : null;
  const results = row.ai === 'waiting' || row.ai === 'running' ? [] : [{ version: row.superseded ? 2 : 1, at: row.updated_at, status: row.ai, superseded: false, override }];
  if (row.superseded) results.push({ version: 1, at: row.received_at, status: 'ok', superseded: true, override: null });
  const deliveries = row.delivery === 'none' ? [] : [
    { destination: 'PACS', sop_class: '1.2.840.10008.5.1.4.1.1.66.4', sop_instance: `${u}.9.1`, label: 'seg', state: row.delivery, at: row.updated_at },
    { destination: 'PACS', sop_class: '1.2.840.10008.5.1.4.1.1.88.33', sop_instance: `${u}.9.2`, label: 'sr', state: row.delivery, at: row.updated_at },
  ];
  return {
    row, series, analysis: analysisOf(row), results, deliveries, image_qc: [],
    history: [
      { at: row.received_at, kind: 'study.received', actor: `peer:${row.source_ae}`, text_zh: `收到 ${row.instance_count} 幅图像，检查完整`, text_en: `${row.instance_count} images received, study complete` },
      { at: row.updated_at, kind: 'qc.assessed', actor: 'node:xl-7f3a', text_zh: '图像质量已判定', text_en: 'Image quality judged' },
      ...(results.length ? [{ at: row.updated_at, kind: 'findings.proposed', actor: 'node:xl-7f3a', text_zh: 'AI 结果已写入', text_en: 'AI result recorded' }] : []),
    ],
    text_repairs: row.text_repaired ? [{ tag: '(0010,0010)', rule: 'gbk_as_latin1', message_zh: '患者姓名声明为 ISO_IR 100，实为 GBK，已改正；原始字节保留。', message_en: 'Patient name declared ISO_IR 100 but is GBK; repaired, original bytes kept.' }] : [],
  };
}

const el = (vr, ...Value) => ({ vr, Value });
function instance(row, seriesUid, number, uid, more) {
  return {
    '00080016': el('UI', row.modality === 'CT' ? '1.2.840.10008.5.1.4.1.1.2' : '1.2.840.10008.5.1.4.1.1.1.1'),
    '00080018': el('UI', uid), '00080060': el('CS', row.modality),
    '0020000D': el('UI', row.study_uid), '0020000E': el('UI', seriesUid), '00200013': el('IS', number),
    '00280002': el('US', 1), '00280100': el('US', 16), '00280008': el('IS', 1), ...more,
  };
}

export function manifestOf(row) {
  const study = studyOf(row);
  const { size, spacing, thickness } = CT;
  const ct = (s, z) => instance(row, s.series_uid, z + 1, `${s.series_uid}.${z + 1}`, {
    '00200032': el('DS', -128 * spacing, -128 * spacing, -z * thickness), '00200037': el('DS', 1, 0, 0, 0, 1, 0),
    '00280004': el('CS', 'MONOCHROME2'), '00280010': el('US', size), '00280011': el('US', size), '00280030': el('DS', spacing, spacing),
    '00280101': el('US', 16), '00280102': el('US', 15), '00280103': el('US', 1), '00281052': el('DS', 0), '00281053': el('DS', 1),
    '00281050': el('DS', 40), '00281051': el('DS', 350), '00180050': el('DS', thickness), ...(s.number === 3 ? { '00181063': el('DS', 125) } : {}), ...(row.study === PET_STUDY ? { '00200052': el('UI', `${row.study_uid}.77`) } : {}),
  });
  const pt = (s, z) => instance(row, s.series_uid, z + 1, `${s.series_uid}.${z + 1}`, {
    '00080016': el('UI', '1.2.840.10008.5.1.4.1.1.128'), '00080060': el('CS', 'PT'), '00200032': el('DS', (-PET.size / 2) * PET.spacing, (-PET.size / 2) * PET.spacing, -z * PET.thickness), '00200037': el('DS', 1, 0, 0, 0, 1, 0),
    '00280004': el('CS', 'MONOCHROME2'), '00280010': el('US', PET.size), '00280011': el('US', PET.size), '00280030': el('DS', PET.spacing, PET.spacing), '00200052': el('UI', `${row.study_uid}.77`),
    '00280101': el('US', 16), '00280102': el('US', 15), '00280103': el('US', 0), '00281052': el('DS', 0), '00281053': el('DS', 1), '00541001': el('CS', 'BQML'), '00281050': el('DS', 15000), '00281051': el('DS', 30000), '00180050': el('DS', PET.thickness),
  });
  const dx = (s) => instance(row, s.series_uid, 1, `${s.series_uid}.1`, {
    '00280004': el('CS', 'MONOCHROME2'), '00280010': el('US', DR.height), '00280011': el('US', DR.width), '00181164': el('DS', DR.spacing, DR.spacing),
    '00280101': el('US', 12), '00280102': el('US', 11), '00280103': el('US', 0), '00281050': el('DS', 1700), '00281051': el('DS', 2900), '00200020': el('CS', 'L', 'F'),
  });
  return {
    series: study.series.map((s) => ({
      series_uid: s.series_uid, modality: s.modality, number: s.number, description: s.description,
      instances: s.modality === 'PT' ? Array.from({ length: s.instances }, (_, z) => pt(s, z)) : row.modality === 'CT' ? Array.from({ length: s.instances }, (_, z) => ct(s, s.instances === 1 ? 30 : z)) : [dx(s)],
    })),
  };
}

export function outlinesOf(row) {
  const lines = {};
  if (row.modality === 'CT' && row.lesion_count)
    for (let z = 0; z < CT.slices; z++)
      for (const l of LESIONS) {
        const points = outlineOn(l, z);
        if (points) (lines[`${row.study_uid}.2.${z + 1}/1`] ??= []).push({ lesion: l.id, kind: l.kind, points });
      }
  return { series_uid: `${row.study_uid}.2`, version: 1, lines };
}

export function systemOf(now) {
  return {
    node: 'xl-7f3a-91c2', version: '0.1.0', hospital: '示范县人民医院',
    disk: { total: 3.8e12, free: 0.52e12, tier: 'warn', days_left: 23 },
    heads: [
      { journal: 'clinical', writer: 'xl-7f3a', seq: 18234, at: at(now, 1), digest: '5fd2c0a94e7b' },
      { journal: 'access', writer: 'xl-7f3a', seq: 90311, at: at(now, 0), digest: 'a81c77e0d2f4' },
    ],
    peers: [{ name: 'PACS', role: 'archive', last_seen: null }, { name: 'CT_ROOM1', role: 'modality', last_seen: at(now, 5) }, { name: 'TBDR', role: 'modality', last_seen: at(now, 60 * 30) }],
    models: [{ name: 'xinglin-dr-tb', version: '0.3.1', task: 'DR TB', active: true, research_only: true, engine: 'ONNX Runtime CPU' }, { name: 'xinglin-ct-classical', version: '0.1.0', task: 'CT', active: true, research_only: true, engine: 'NumPy/SciPy' }],
    backup: { last_at: at(now, 60 * 9), last_ok: true, next_at: at(now, -60 * 15), destination: 'file:/backup' },
  };
}

export function queueOf(now) {
  const row = (id, stage, study, state, priority, age_s, attempts, error = null) => ({ id, stage, study, state, priority, age_s, attempts, deadline: at(now, -10), owner: state === 'running' ? 'worker-1' : null, error });
  return {
    rows: [
      row('q1', 'inference', 's0005', 'running', 'urgent', 12, 1),
      row('q2', 'quality', 's0008', 'waiting', 'routine', 34, 0),
      row('q3', 'delivery', 's0010', 'failed', 'routine', 640, 4, { code: 'E5102', message_zh: 'PACS 未应答，将再次发送。', message_en: 'The PACS does not answer; it will be sent again.' }),
      row('q4', 'inference', 's0006', 'dead', 'routine', 7320, 8, { code: 'E3104', message_zh: '显存不足。', message_en: 'Out of GPU memory.' }),
    ],
    counts: { waiting: 1, running: 1, failed: 1, dead: 1 },
  };
}

export const quarantine = (now) => [
  { id: 'k1', at: at(now, 40), sender: 'CT_ROOM1', code: 'E2107', message_zh: '同一 UID 内容不同：两份都保留，后到的一份在此。', message_en: 'Same UID, different content: both kept, the later one is here.', bytes: 527412, state: 'held' },
  { id: 'k2', at: at(now, 300), sender: 'TBDR', code: 'E2301', message_zh: '无法解析：文件在像素数据中截断。', message_en: 'Cannot be parsed: truncated inside the pixel data.', bytes: 1048576, state: 'held' },
];

export const users = (now) => [
  { user: 'physician', name: '王医生', role: 'physician', active: true, otp: true, last_login: at(now, 8) },
  { user: 'tech', name: '李技师', role: 'radiographer', active: true, otp: false, last_login: at(now, 90) },
  { user: 'it', name: '赵工', role: 'device_it', active: true, otp: true, last_login: null },
  { user: 'old', name: '离职人员', role: 'physician', active: false, otp: false, last_login: at(now, 60 * 24 * 90) },
];
