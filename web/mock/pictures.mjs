// Synthetic pictures for the development server: drawn by formulas, so nothing of a patient is here.
import { deflateSync } from 'node:zlib';

const crcTable = Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c >>> 0;
});
const crc = (bytes) => {
  let c = 0xffffffff;
  for (const b of bytes) c = crcTable[(c ^ b) & 255] ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
};
const chunk = (type, data) => {
  const out = Buffer.alloc(12 + data.length);
  out.writeUInt32BE(data.length, 0);
  out.write(type, 4, 'latin1');
  data.copy(out, 8);
  out.writeUInt32BE(crc(out.subarray(4, 8 + data.length)), 8 + data.length);
  return out;
};

/** RGBA png from a function (x, y) → [r, g, b, a]. */
export function png(width, height, at) {
  const raw = Buffer.alloc((width * 4 + 1) * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) raw.set(at(x, y), y * (width * 4 + 1) + 1 + x * 4);
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 6, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]),
    chunk('IHDR', head),
    chunk('IDAT', deflateSync(raw)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

const inside = (x, y, cx, cy, rx, ry) => ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2;
const noise = (x, y, z) => {
  const s = Math.sin(x * 12.9898 + y * 78.233 + z * 37.719) * 43758.5453;
  return s - Math.floor(s);
};

export const CT = { size: 256, slices: 60, spacing: 1.4, thickness: 5 };
export const LESIONS = [
  { id: 1, kind: 'cavity', x: 78, y: 104, z: 17, r: 13, hu: 20 },
  { id: 2, kind: 'solid_nodule', x: 176, y: 128, z: 31, r: 6, hu: 40 },
  { id: 3, kind: 'tree_in_bud', x: 92, y: 140, z: 40, r: 9, hu: -250 },
];

/** One axial CT slice in Hounsfield units, little-endian signed 16 bit. */
export function ctSlice(z) {
  const n = CT.size;
  const out = new Int16Array(n * n);
  const t = z / (CT.slices - 1);
  const lung = 0.55 + 0.45 * Math.sin(Math.PI * (0.12 + 0.8 * t));
  for (let y = 0; y < n; y++) {
    for (let x = 0; x < n; x++) {
      let hu = -1000;
      const body = inside(x, y, 128, 132, 112, 84);
      if (body < 1) {
        hu = body > 0.9 ? -90 : 45;
        const right = inside(x, y, 80, 128, 38 * lung, 58 * lung);
        const left = inside(x, y, 178, 128, 36 * lung, 57 * lung);
        const ring = inside(x, y, 128, 132, 98, 71);
        const angle = Math.atan2(y - 132, x - 128);
        if (ring > 0.93 && ring < 1.08 && Math.sin(angle * 14 + z * 0.9) > 0.35) hu = 520;
        if (inside(x, y, 128, 196, 13, 11) < 1) hu = 380;
        if (inside(x, y, 128, 190, 5, 5) < 1) hu = 30;
        if (right < 1 || left < 1) {
          hu = -850 + 40 * Math.sin(x / 9) * Math.cos(y / 11);
          const v = Math.sin((x + 3 * Math.sin(z / 3)) / 5.1) * Math.sin((y + z) / 6.3);
          if (v > 0.93) hu = -120;
        }
        const heart = inside(x, y, 142, 108, 36 * t, 30 * t);
        if (t > 0.35 && heart < 1) hu = 42;
        if (inside(x, y, 128, 118, 8, 7) < 1 && t < 0.5) hu = -990;
        for (const l of LESIONS) {
          const d = Math.hypot(x - l.x, y - l.y, (z - l.z) * (CT.thickness / CT.spacing)) + 1.2 * Math.sin(5 * Math.atan2(y - l.y, x - l.x));
          if (d < l.r) hu = l.kind === 'cavity' && d < l.r * 0.55 ? -940 : l.kind === 'tree_in_bud' && noise(x >> 1, y >> 1, z) < 0.45 ? hu : l.hu;
        }
      }
      if (inside(x, y, 128, 245, 118, 9) < 1 && hu < -900) hu = -650;
      out[y * n + x] = Math.round(hu + (noise(x, y, z) - 0.5) * 46);
    }
  }
  return Buffer.from(out.buffer);
}

/** Closed outline of a lesion on a slice: (column, row) pixel centres; null where it is not. */
export function outlineOn(lesion, z) {
  const dz = (z - lesion.z) * (CT.thickness / CT.spacing);
  const r = Math.sqrt(Math.max(0, lesion.r ** 2 - dz ** 2));
  if (r < 1.5) return null;
  return Array.from({ length: 48 }, (_, k) => {
    const a = (k / 48) * 2 * Math.PI;
    const q = r + 0.9 - 1.2 * Math.sin(5 * a);
    return [+(lesion.x + q * Math.cos(a)).toFixed(2), +(lesion.y + q * Math.sin(a)).toFixed(2)];
  });
}

export const DR = { width: 720, height: 880, spacing: 0.45 };

/** A radiograph, MONOCHROME2, unsigned 16 bit (12 used). */
export function radiograph() {
  const { width, height } = DR;
  const out = new Uint16Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const body = inside(x, y, 360, 560, 340, 560);
      let v = body < 1 ? 2300 : 260 + 120 * noise(x, y, 1);
      if (body < 1) {
        for (const cx of [215, 505]) {
          const d = inside(x, y, cx, 430, 118, 270 - 0.1 * Math.abs(x - cx));
          if (d < 1) v -= 1500 * (1 - d) ** 0.55;
        }
        if (Math.abs(x - 360) < 62) v += 640 * (1 - ((x - 360) / 62) ** 2);
        const heart = inside(x, y, 415, 590, 125, 130);
        if (heart < 1) v += 900 * (1 - heart) ** 0.5;
        const bow = y - 90 - ((x - 360) / 46) ** 2 * 1.5;
        const rib = Math.sin((bow / 62) * 2 * Math.PI);
        if (rib > 0.55 && y > 110 && y < 700) v += 190 * (rib - 0.55);
        const clavicle = Math.abs(y - (165 + Math.abs(x - 360) * -0.12));
        if (clavicle < 14 && Math.abs(x - 360) > 40) v += 300;
        const patch = inside(x, y, 205, 300, 60, 48);
        if (patch < 1) v += 620 * (1 - patch) * (0.6 + 0.4 * noise(x >> 3, y >> 3, 2));
        if (y > 690) v += Math.min(900, (y - 690) * 7);
        const air = inside(x, y, 360, 210, 20, 150);
        if (air < 1) v -= 420 * (1 - air);
      }
      out[y * width + x] = Math.max(0, Math.min(4095, Math.round(v + 60 * (noise(x, y, 3) - 0.5))));
    }
  }
  return Buffer.from(out.buffer);
}

export function heatmap() {
  const w = 180;
  const h = 220;
  return png(w, h, (x, y) => {
    const d = inside(x, y, 51, 75, 20, 17);
    const e = inside(x, y, 120, 90, 12, 12);
    const s = Math.max(Math.exp(-d * 1.2), 0.45 * Math.exp(-e * 1.4));
    return [255, Math.round(210 - 150 * s), 30, s < 0.08 ? 0 : Math.round(230 * s)];
  });
}

/** A PET of the same body, 5 mm to the patient's left of the CT: Bq/ml, 5000 of them for a SUV of 1. */
export const PET = { size: 96, slices: 50, spacing: 3.75, thickness: 6, asideMm: 5, perSuv: 5000 };
export const PET_HOT = { 1: 8, 3: 4 };
export function petSlice(z) {
  const { size, spacing, thickness, asideMm, perSuv } = PET;
  const out = new Uint16Array(size * size);
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++) {
      // Where this voxel lies on the CT.
      const [cx, cy, cz] = [((x - size / 2) * spacing - asideMm) / CT.spacing + 128, ((y - size / 2) * spacing) / CT.spacing + 128, (z * thickness) / CT.thickness];
      let suv = inside(cx, cy, 128, 132, 112, 84) < 1 ? 0.8 : 0;
      if (inside(cx, cy, 80, 128, 36, 55) < 1 || inside(cx, cy, 178, 128, 34, 54) < 1) suv = 0.4;
      if (inside(cx, cy, 142, 108, 26, 22) < 1 && cz > 20) suv = 2.2;
      for (const l of LESIONS) {
        const d = Math.hypot((cx - l.x) * CT.spacing, (cy - l.y) * CT.spacing, (cz - l.z) * CT.thickness);
        if (d < l.r * CT.spacing && PET_HOT[l.id]) suv = PET_HOT[l.id];
      }
      out[y * size + x] = Math.round(suv * perSuv);
    }
  return Buffer.from(out.buffer);
}

/** Where lungs, airway and lesions lie, in blocks of 2 × 2 pixels: the answer of GET /solids, unpacked. */
export function solids(studyUid) {
  const size = [CT.size / 2, CT.size / 2, CT.slices];
  const labels = Buffer.alloc(size[0] * size[1] * size[2]);
  for (let z = 0; z < CT.slices; z++) {
    const t = z / (CT.slices - 1);
    const lung = 0.55 + 0.45 * Math.sin(Math.PI * (0.12 + 0.8 * t));
    for (let j = 0; j < size[1]; j++)
      for (let i = 0; i < size[0]; i++) {
        const [x, y] = [2 * i, 2 * j];
        let label = inside(x, y, 80, 128, 38 * lung, 58 * lung) < 1 ? 1 : inside(x, y, 178, 128, 36 * lung, 57 * lung) < 1 ? 2 : 0;
        if (t > 0.35 && inside(x, y, 142, 108, 36 * t, 30 * t) < 1) label = 0;
        if (inside(x, y, 128, 118, 8, 7) < 1 && t < 0.5) label = 3;
        for (const l of LESIONS) if (Math.hypot(x - l.x, y - l.y, (z - l.z) * (CT.thickness / CT.spacing)) < l.r) label = 4;
        labels[(z * size[1] + j) * size[0] + i] = label;
      }
  }
  const header = Buffer.from(JSON.stringify({ series_uid: `${studyUid}.2`, version: 1, size, block: [2, 2, 1], planes: Array.from({ length: CT.slices }, (_, z) => `${studyUid}.2.${z + 1}`), names: { right_lung: 1, left_lung: 2, airways: 3, lesions: 4 } }));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(header.length);
  return Buffer.concat([length, header, labels]);
}
