import { describe, expect, it } from 'vitest';
import { areaOf, dice, holds, intersect, MOST_POINTS, pieces, pointsIn, shapesOf, simplify, subtract, tidy, union, type Ring, type Shape } from '../src/review/outline';
import { brushed, cut, drawnTo, erased, sculpted, spline, swept } from '../src/review/outlineTools';
import type { Point } from '../src/viewer/measure';

const square = (x: number, y: number, edge: number): Ring => [[x, y], [x + edge, y], [x + edge, y + edge], [x, y + edge]];
const circle = (x: number, y: number, r: number, n = 180): Ring => Array.from({ length: n }, (_, k): Point => [x + r * Math.cos((2 * Math.PI * k) / n), y + r * Math.sin((2 * Math.PI * k) / n)]);
/** Seeded (mulberry32): the same shapes in every run. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
const blob = (next: () => number): Shape => {
  const [x, y, r] = [200 + 60 * next(), 200 + 60 * next(), 10 + 30 * next()];
  return tidy([Array.from({ length: 24 }, (_, k): Point => { const a = (2 * Math.PI * k) / 24; const far = r * (0.6 + 0.4 * next()); return [x + far * Math.cos(a), y + far * Math.sin(a)]; })]);
};

describe('shapes', () => {
  it('knows area, holes and inside', () => {
    const ring: Shape = [square(0, 0, 10), square(3, 3, 4)];
    expect(areaOf(ring)).toBeCloseTo(100 - 16, 6);
    expect(holds(ring, [1, 1])).toBe(true);
    expect(holds(ring, [5, 5])).toBe(false);
    expect(tidy(ring)).toHaveLength(2);
  });
  it('keeps |A| + |B| = |A or B| + |A and B| and A - B = A - (A and B), for many shapes', () => {
    const next = numbers(7);
    for (let turn = 0; turn < 60; turn += 1) {
      const [a, b] = [blob(next), blob(next)];
      const tolerance = 0.02 * (pointsIn(a) + pointsIn(b)); // hundredths of a pixel along every edge
      expect(Math.abs(areaOf(a) + areaOf(b) - areaOf(union(a, b)) - areaOf(intersect(a, b)))).toBeLessThan(tolerance);
      expect(Math.abs(areaOf(subtract(a, b)) - (areaOf(a) - areaOf(intersect(a, b))))).toBeLessThan(tolerance);
      expect(dice(a, a)).toBeCloseTo(1, 9);
      expect(dice(a, subtract(b, a))).toBeLessThan(0.01);
    }
  });
  it('has pieces with their own holes, the largest first', () => {
    const shape: Shape = [square(0, 0, 4), square(20, 0, 30), square(25, 5, 10), square(27, 7, 3)];
    const parts = pieces(shape);
    expect(parts.map((part) => part.length)).toEqual([2, 1, 1]);
    expect(parts.map(areaOf)).toEqual([800, 16, 9]);
  });
  it('is thinned to at most four hundred points and stays where it was', () => {
    const round: Shape = [circle(100, 100, 60, 5000)];
    const thin = simplify(round);
    expect(pointsIn(thin)).toBeLessThanOrEqual(MOST_POINTS);
    expect(dice(round, thin)).toBeGreaterThan(0.999);
  });
  it('reads the server\'s lines: closing points go, holes are rings of their own', () => {
    const lines = { 'a/1': [{ lesion: 2, points: [...square(0, 0, 4), [0, 0]] as Point[] }, { lesion: 2, points: [...square(1, 1, 2), [1, 1]] as Point[] }] };
    expect(areaOf(shapesOf(lines).get(2)?.['a/1'] ?? [])).toBeCloseTo(12, 6);
  });
});

describe('tools', () => {
  it('a brush dabbed once is its circle, drawn along a line a stadium', () => {
    expect(areaOf(swept([[50, 50]], 8))).toBeCloseTo(Math.PI * 64, 0);
    expect(Math.abs(areaOf(swept([[50, 50], [80, 50]], 8)) - (Math.PI * 64 + 30 * 16))).toBeLessThan(1);
  });
  it('what is brushed on can be erased again', () => {
    const shape: Shape = [circle(60, 60, 20)];
    const more = brushed(shape, [[80, 60]], 10);
    expect(areaOf(more)).toBeGreaterThan(areaOf(shape) + 100);
    expect(dice(erased(more, [[85, 60]], 40), [])).toBe(0);
    expect(Math.abs(areaOf(erased(shape, [[60, 60]], 5)) - (areaOf(shape) - Math.PI * 25))).toBeLessThan(2);
  });
  it('a free-hand loop that crosses itself is filled', () => {
    const eight: Ring = [[0, 0], [10, 10], [20, 0], [20, 10], [10, 0], [0, 10]];
    expect(areaOf(drawnTo([], eight, false))).toBeGreaterThan(0);
    expect(areaOf(drawnTo([square(100, 100, 50)], circle(20, 20, 10), true))).toBeCloseTo(Math.PI * 100, -1);
    expect(areaOf(drawnTo([square(100, 100, 50)], circle(20, 20, 10), false))).toBeCloseTo(2500 + Math.PI * 100, -1);
  });
  it('a spline through points of a circle is the circle', () => {
    const ring = spline(circle(100, 100, 30, 10));
    expect(dice([ring], [circle(100, 100, 30)])).toBeGreaterThan(0.99);
    for (const [x, y] of circle(100, 100, 30, 10)) expect(ring.some(([u, v]) => Math.hypot(u - x, v - y) < 1e-9)).toBe(true);
  });
  it('sculpting from inside grows, from outside shrinks, and keeps the hole', () => {
    const shape = tidy([circle(100, 100, 30), circle(100, 100, 12)]);
    const grown = sculpted(shape, [100, 122], [100, 135], 8);
    const shrunk = sculpted(shape, [100, 145], [100, 132], 8);
    expect(areaOf(grown)).toBeGreaterThan(areaOf(shape) + 20);
    expect(areaOf(shrunk)).toBeLessThan(areaOf(shape) - 20);
    expect(pieces(grown)).toHaveLength(1);
    expect(holds(grown, [100, 100])).toBe(false);
    expect(sculpted(shape, [300, 300], [310, 300], 8).length).toBe(2);
  });
  it('a cut gives two sides that add up; one that misses gives nothing', () => {
    const shape: Shape = [circle(100, 100, 30)];
    const parts = cut(shape, [90, 60], [100, 140]);
    expect(parts).not.toBeNull();
    const [a, b] = parts ?? [[], []];
    expect(areaOf(a) + areaOf(b)).toBeCloseTo(areaOf(shape), 0);
    expect(areaOf(intersect(a, b))).toBeLessThan(0.5);
    expect(cut(shape, [0, 0], [10, 0])).toBeNull();
    expect(cut(shape, [90, 90], [90, 90])).toBeNull();
  });
});
