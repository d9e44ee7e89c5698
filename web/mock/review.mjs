// Development only: the AI review of a study and the facts of its case, kept in memory, measured from the polygons alone.
import { CT } from './pictures.mjs';
import { outlinesOf, studyOf } from './data.mjs';

const COUNTED = ['accepted', 'changed', 'rejected', 'added'];
export const reset = () => ({ versions: new Map(), drafts: new Map(), others: new Map(), facts: new Map(), told: 0 });

const ringArea = (ring) => ring.reduce((sum, [x, y], at) => sum + x * ring[(at + 1) % ring.length][1] - ring[(at + 1) % ring.length][0] * y, 0) / 2;
/** Rings of opposite direction cut each other out, as the page's do. */
const areaOf = (rings) => Math.abs(rings.reduce((sum, ring) => sum + ringArea(ring), 0));

function measured({ id, kind, location, outlines }, known) {
  const points = Object.values(outlines).flat(2);
  const spread = (axis) => Math.max(...points.map((p) => p[axis])) - Math.min(...points.map((p) => p[axis]));
  const [wide, high] = [spread(0) * CT.spacing, spread(1) * CT.spacing];
  const voxelMl = (CT.spacing ** 2 * CT.thickness) / 1000;
  return {
    ...(known ?? { id, centroid_mm: [0, 0, 0], mean_hu: -120, probability: null, extra: {}, codes: {} }), kind, location, intervals: {},
    volume_ml: Object.values(outlines).reduce((sum, rings) => sum + areaOf(rings) * voxelMl, 0), long_axis_mm: Math.max(wide, high), short_axis_mm: Math.min(wide, high),
  };
}

function predictionsOf(analysis) {
  const { case: found, tb } = analysis ?? {};
  const answer = (code, value, basis, more = {}) => ({ code, value, number: null, interval: null, confidence: 'moderate', basis, method: { model: 'xinglin-case-answers', version: '0.1.0' }, ...more });
  if (tb != null) return [answer('suspected_tb', tb.positive ? 'suspected' : 'not_suspected', [], { number: tb.score, confidence: 'high', method: { model: tb.model, version: tb.version } })];
  if (found == null) return [];
  return [
    answer('suspected_tb', 'suspected', found.basis, { number: found.suspicion, interval: found.interval, confidence: 'high' }),
    answer('activity', 'signs', found.activity), answer('pattern', 'post_primary', found.activity),
    answer('severity', found.severity, [], { number: found.burden_percent }), answer('sputum', 'advised', found.activity, { confidence: 'high' }),
  ];
}

/** Outlines of the slices between drawn ones: the nearest drawn one. */
function between(outlines) {
  const places = Object.keys(outlines).map((key) => ({ key, stem: key.replace(/\d+\/1$/, ''), n: Number(/(\d+)\/1$/.exec(key)[1]) })).sort((a, b) => a.n - b.n);
  const found = {};
  for (let at = 1; at < places.length; at++)
    for (let n = places[at - 1].n + 1; n < places[at].n; n++) found[`${places[at].stem}${n}/1`] = outlines[(n - places[at - 1].n < places[at].n - n ? places[at - 1] : places[at]).key];
  return found;
}

function submitted(kept, row, body, author) {
  const versions = kept.versions.get(row.study) ?? [];
  const head = versions.findLast((one) => one.current);
  if (head !== undefined && ![body.parent, ...(body.supersedes ?? [])].includes(head.id))
    return { status: 409, body: { code: 'E5422', message_zh: `${head.name}已提交第 ${head.version} 版，您的版本以更早的版本为基础。两版均已保留，请决定以哪一版为准。`, message_en: `${head.name} submitted version ${head.version} meanwhile, and yours was made on an earlier one. Both are kept: decide which one rules.` } };
  const known = new Map((studyOf(row).analysis?.lesions ?? []).map((one) => [one.id, one]));
  const lesions = body.lesions.map((one) => {
    const before = known.get(one.id) ?? null;
    return { id: one.id, decision: one.decision, reason: one.reason, note: one.note, from: one.origin ?? [], before, lesion: one.outlines ? measured(one, before) : before };
  });
  const counts = Object.fromEntries(COUNTED.map((name) => [name, lesions.filter((one) => one.decision === name).length]));
  const decision = body.rejected ? 'rejected' : lesions.every((one) => one.decision === 'accepted') ? 'accepted' : 'changed';
  const made = { id: `rv_${versions.length + 1}`, version: versions.length + 1, at: new Date().toISOString(), by: author.user, name: author.name, decision, reason: body.reason ?? '', parent: body.parent, result_version: body.result, current: true, replaced_by: '', supersedes: body.supersedes ?? [], counts, lesions, predictions: body.predictions ?? [] };
  for (const one of versions) if ([made.parent, ...made.supersedes].includes(one.id)) one.replaced_by = made.id;
  for (const one of versions) one.current = false;
  made.outlines = outlinesWith(row, body.lesions);
  kept.versions.set(row.study, [...versions, made]);
  kept.drafts.delete(`${row.study} ${author.user}`);
  return { status: 201, body: { id: made.id, version: made.version, at: made.at, counts, decision } };
}

function outlinesWith(row, lesions) {
  const found = outlinesOf(row);
  const redrawn = new Set(lesions.filter((one) => one.outlines || one.decision === 'rejected').map((one) => one.id));
  const lines = Object.fromEntries(Object.entries(found.lines).map(([frame, drawn]) => [frame, drawn.filter((line) => !redrawn.has(line.lesion))]));
  for (const one of lesions) for (const [frame, rings] of Object.entries(one.outlines ?? {})) (lines[frame] ??= []).push(...rings.map((points) => ({ lesion: one.id, kind: one.kind, points })));
  return { ...found, lines };
}

const othersAt = (kept, row) => kept.others.get(row.study) ?? [];
const publicVersion = ({ outlines, ...version }) => version;

/** Null where the request is none of the review's. */
export async function answer(kept, row, key, asJson, me) {
  const route = key.replace(/\/api\/studies\/[^/]+/, '');
  const mine = `${row.study} ${me.user}`;
  const versions = kept.versions.get(row.study) ?? [];
  const { analysis } = studyOf(row);
  if (route === 'GET /review')
    return { body: { result: analysis === null ? 0 : 1, predictions: predictionsOf(analysis), versions: versions.map(publicVersion), draft: kept.drafts.get(mine) ?? null, others: othersAt(kept, row), facts: [...(kept.facts.get(row.study)?.values() ?? [])] } };
  const [, of] = /^GET \/review\/(\w+)\/outlines$/.exec(route) ?? [];
  if (of !== undefined) return { body: versions.find((one) => one.id === of).outlines };
  if (!/^(PUT|POST|DELETE) \/(review|facts)/.test(route)) return null;
  if (!me.permissions.includes('study.override')) return { status: 403, body: { code: 'E6403', message_zh: '没有权限。', message_en: 'Not permitted.' } };
  const body = key.startsWith('DELETE') ? null : await asJson();
  if (route === 'PUT /review/draft') {
    const version = (kept.drafts.get(mine)?.version ?? 0) + 1;
    if (body.version !== version - 1) return { status: 409, body: { code: 'E5424', message_zh: '另一窗口已保存更新的草稿。', message_en: 'Another window has saved a newer draft.' } };
    kept.drafts.set(mine, { parent: body.parent, version, at: new Date().toISOString(), body: body.body });
    return { body: { version, at: kept.drafts.get(mine).at, others: othersAt(kept, row) } };
  }
  if (route === 'DELETE /review/draft') return { body: (kept.drafts.delete(mine), {}) };
  if (route === 'POST /review/measure') return { body: { lesion: measured(body, (analysis?.lesions ?? []).find((one) => one.id === body.id)) } };
  if (route === 'POST /review/interpolate') return { body: { outlines: between(body.outlines) } };
  if (route === 'POST /review') return submitted(kept, row, body, me);
  if (route === 'POST /facts') {
    const known = kept.facts.get(row.study) ?? new Map();
    for (const one of body.facts) known.set(one.code, { code: one.code, value: one.value, on_date: one.date ?? '', note: one.note ?? '', source: 'person', by: me.user, name: me.name, at: new Date().toISOString() });
    kept.facts.set(row.study, known);
    return { status: 201, body: { facts: [...known.values()] } };
  }
  return null;
}

/** Somebody else's doing: a draft that is open just now, or a version submitted on the AI's own result. */
export function happen(kept, row, { editing, submits }) {
  if (editing !== undefined) kept.others.set(row.study, [{ name: editing, at: new Date().toISOString(), seconds: 5 }]);
  if (submits === undefined) return;
  const lesions = (studyOf(row).analysis?.lesions ?? []).map((one) => ({ id: one.id, decision: 'accepted', reason: '', note: '', kind: one.kind, location: one.location, outlines: null }));
  submitted(kept, row, { result: 1, parent: '', lesions }, { user: 'other', name: submits });
}
