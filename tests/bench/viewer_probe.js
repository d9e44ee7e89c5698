// What the measurement sees of a viewer, in the page itself: when its canvas first shows something, which frames came,
// and how long after a turn of the wheel the next picture is there.
(() => {
  const bench = { click: null, first: null, last: null, frames: new Set() };
  window.__bench = bench;
  performance.setResourceTimingBufferSize(10_000);
  const CANVAS = '[data-testid=pane] canvas, canvas.cornerstone-canvas';
  const small = document.createElement('canvas');
  small.width = small.height = 24;
  const pen = small.getContext('2d', { willReadFrequently: true });

  /** Spread of the grey values; 0 for a blank canvas. */
  function spread(canvas) {
    if (canvas === null || canvas.width === 0 || canvas.height === 0) return 0;
    pen.drawImage(canvas, 0, 0, 24, 24);
    const { data } = pen.getImageData(0, 0, 24, 24);
    let [sum, squares] = [0, 0];
    for (let at = 0; at < data.length; at += 4) {
      sum += data[at];
      squares += data[at] * data[at];
    }
    const count = data.length / 4;
    return Math.sqrt(Math.max(0, squares / count - (sum / count) ** 2));
  }

  addEventListener(
    'click',
    (event) => {
      if (event.target.closest?.('[data-testid=details]') == null) return;
      bench.click = event.timeStamp;
      bench.first = null;
    },
    true,
  );
  const look = () => {
    if (bench.first === null && spread(document.querySelector(CANVAS)) > 4) bench.first = performance.now();
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
  new PerformanceObserver((list) => {
    for (const { name, responseEnd } of list.getEntries()) {
      if (!/\/frames\/\d+$/.test(name)) continue;
      bench.frames.add(name);
      bench.last = responseEnd;
    }
  }).observe({ type: 'resource', buffered: true });

  bench.renderer = () => {
    const gl = document.createElement('canvas').getContext('webgl2');
    const about = gl?.getExtension('WEBGL_debug_renderer_info');
    return about == null ? 'no WebGL' : gl.getParameter(about.UNMASKED_RENDERER_WEBGL);
  };

  const pane = () => document.querySelector('[data-testid=pane]');
  const wheel = (down) => {
    const box = pane().getBoundingClientRect();
    pane().dispatchEvent(new WheelEvent('wheel', { deltaY: down ? 100 : -100, clientX: box.left + 50, clientY: box.top + 50, bubbles: true, cancelable: true }));
  };
  const painted = () => Number(pane().dataset.painted);

  /** Turn the wheel `rate` times a second; ms from each turn to the frame after its picture, and pictures a second. */
  bench.scroll = (ms, rate, count) =>
    new Promise((resolve) => {
      const asked = new Map();
      const late = [];
      let pictures = 0;
      const begun = performance.now();
      let to = painted();
      let down = to < count / 2;
      const watch = new MutationObserver(() => {
        const at = painted();
        const since = asked.get(at);
        pictures += 1;
        if (since === undefined) return; // painted once more: its overlay or marks changed
        for (const [index, when] of asked) if (when <= since) asked.delete(index); // a later picture answers what was asked before it
        requestAnimationFrame(() => late.push(performance.now() - since));
      });
      watch.observe(pane(), { attributes: true, attributeFilter: ['data-painted'] });
      const timer = setInterval(() => {
        const now = performance.now();
        if (now - begun > ms) {
          clearInterval(timer);
          watch.disconnect();
          resolve({ late, persecond: (pictures * 1000) / (now - begun) });
          return;
        }
        if (to >= count - 1 || to <= 0) down = to <= 0;
        to += down ? 1 : -1;
        asked.set(to, now);
        wheel(down);
      }, 1000 / rate);
    });

  /** ms from a key to the frame after the outlines came or went. */
  bench.outlines = () =>
    new Promise((resolve) => {
      const layer = document.querySelector('[data-testid=overlay]');
      const watch = new MutationObserver(() => {
        watch.disconnect();
        requestAnimationFrame(() => resolve(performance.now() - begun));
      });
      watch.observe(layer, { childList: true, subtree: true });
      const begun = performance.now();
      window.dispatchEvent(new KeyboardEvent('keydown', { key: 'o', bubbles: true, cancelable: true }));
    });
})();
