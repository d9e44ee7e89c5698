// What the measurement sees of the portal, in the page itself: marks at events, pixels at paints. Nothing is polled.
(() => {
  const bench = { paints: [], scroll: null };
  window.__bench = bench;
  const small = document.createElement('canvas');
  small.width = small.height = 32;
  const pen = small.getContext('2d', { willReadFrequently: true });

  /** Spread of the grey values on the pane's canvas, 0 for a blank one. */
  function spread() {
    const canvas = document.querySelector('[data-testid=pane] canvas');
    if (canvas === null || canvas.width === 0 || canvas.height === 0) return 0;
    pen.drawImage(canvas, 0, 0, 32, 32);
    const { data } = pen.getImageData(0, 0, 32, 32);
    let sum = 0;
    let squares = 0;
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
      if (event.target.closest?.('tr[data-consult]') === null) return;
      performance.mark('bench:click', { startTime: event.timeStamp });
      bench.paints = [];
    },
    true,
  );

  const stack = () => document.querySelector('.stackbar');
  const whole = () => {
    const bar = stack();
    const cells = bar?.querySelector('svg')?.viewBox.baseVal.height ?? 0;
    return bar !== null && cells > 0 && bar.querySelectorAll('rect.there').length === cells;
  };
  let done = false;
  const watch = new MutationObserver(() => {
    if (!done && whole()) {
      done = true;
      performance.mark('bench:whole');
    }
  });

  new MutationObserver((records) => {
    for (const { target } of records) {
      const at = performance.now();
      bench.paints.push({ at, index: Number(target.dataset.painted), spread: spread(), reduced: target.dataset.reduced });
      if (target.dataset.reduced === 'false' && performance.getEntriesByName('bench:original').length === 0) performance.mark('bench:original', { startTime: at });
      if (bench.paints.length > 1) continue;
      performance.mark('bench:painted', { startTime: at });
      const click = performance.getEntriesByName('bench:click').at(-1)?.startTime ?? 0;
      bench.marks = performance.getEntriesByType('mark').map((one) => [one.name, one.startTime - click]).filter(([name, after]) => after >= 0 && !name.startsWith('bench:'));
      done = false;
      if (stack() !== null) watch.observe(stack(), { subtree: true, childList: true });
    }
  }).observe(document, { subtree: true, attributes: true, attributeFilter: ['data-painted', 'data-reduced'] });

  /** Resolves when a mark was made (the page's policy forbids a driver's own waiting, which evaluates text). */
  bench.until = (name) =>
    new Promise((resolve) => {
      new PerformanceObserver((list, self) => {
        if (list.getEntriesByName(name).length === 0) return;
        self.disconnect();
        resolve(true);
      }).observe({ type: 'mark', buffered: true });
    });

  /** Scroll up and down at a pace; look at every frame that the browser shows. */
  bench.scrollFor = (milliseconds, everyMs, stride) =>
    new Promise((resolve) => {
      const pane = document.querySelector('[data-testid=pane]');
      const seen = { frames: 0, blank: 0, unmarked: 0, loading: 0, shown: new Set() };
      const ends = performance.now() + milliseconds;
      let next = 0;
      let way = 1;
      let waiting = null; // the slice that is asked for and not shown, and since when
      const look = () => {
        const now = performance.now();
        if (now >= next) {
          next = now + everyMs;
          const at = Number(stack().getAttribute('aria-valuenow'));
          const most = Number(stack().getAttribute('aria-valuemax'));
          if (at + stride > most) way = -1;
          if (at - stride < 1) way = 1;
          for (let step = 0; step < stride; step += 1) pane.dispatchEvent(new WheelEvent('wheel', { deltaY: 100 * way, bubbles: true, cancelable: true }));
        }
        // After what this frame changed is drawn.
        setTimeout(() => {
          const painted = Number(pane.dataset.painted);
          const wanted = Number(stack().getAttribute('aria-valuenow')) - 1;
          const marked = document.querySelector('.fidelity') !== null;
          seen.frames += 1;
          seen.shown.add(painted);
          if (spread() < 1) seen.blank += 1;
          if (painted === wanted) waiting = null;
          else if (waiting?.slice !== wanted) waiting = { slice: wanted, since: now };
          if (marked) seen.loading += 1;
          else if (waiting !== null && now - waiting.since > 200) seen.unmarked += 1;
          if (now < ends) requestAnimationFrame(look);
          else resolve({ ...seen, shown: seen.shown.size });
        }, 0);
      };
      requestAnimationFrame(look);
    });
})();
