/** How long a plane takes: 300 slices of 512 × 512 (1.25 mm), and a PET of 168 × 168 × 120. `npx vitest bench --run test/reslice.bench.ts` */
import { bench, describe } from 'vitest';
import type { Grid } from '../src/volume/grid';
import { planeOf } from '../src/volume/mpr';
import { painted } from '../src/volume/paint';
import { cut, lieOf, sampled, type Slice, type Volume } from '../src/volume/reslice';

const grid: Grid = { size: [512, 512, 300], spacingMm: [0.7, 0.7, 1.25], origin: [-179, -179, 0], axes: [[1, 0, 0], [0, 1, 0], [0, 0, 1]], frameOfReference: '' };
const volume: Volume = { grid, slices: Array.from({ length: 300 }, (_, k): Slice => ({ stored: new Int16Array(512 * 512).map((__, at) => ((at * 7 + k * 13) % 1500) - 1000), slope: 1, intercept: 0, padding: null })) };
const petGrid: Grid = { ...grid, size: [168, 168, 120], spacingMm: [4, 4, 3], origin: [-334, -334, 0] };
const pet: Volume = { grid: petGrid, slices: Array.from({ length: 120 }, (_, k): Slice => ({ stored: new Float32Array(168 * 168).fill(k), slope: 1, intercept: 0, padding: null })) };
const [coronal, axial] = [lieOf(grid, 'coronal'), lieOf(grid, 'axial')];

describe('a plane of 300 slices', () => {
  bench('coronal, one layer', () => void cut(volume, coronal, [256, 256], 'slice'), { iterations: 20, time: 0 });
  bench('coronal, MIP of 20 mm', () => void cut(volume, coronal, [242, 270], 'max'), { iterations: 10, time: 0 });
  bench('coronal, MIP of everything', () => void cut(volume, coronal, [0, 511], 'max'), { iterations: 3, time: 0 });
  const section = cut(volume, axial, [150, 150], 'slice');
  bench('painting 512 × 512', () => void painted(section.values, { width: 1500, centre: -600 }, false), { iterations: 10, time: 0 });
  bench('a PET sampled on 512 × 512', () => void sampled(pet, planeOf(grid, axial, 150)), { iterations: 3, time: 0 });
});
