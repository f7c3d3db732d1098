/* The charts, from the figures in the page. Colours are the page's own, read anew when light turns to dark. */
"use strict";
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const { statuses, span, slots, step } = figures;
  const [SLOT, START, END, STATUS, COUNT, BAD] = [0, 1, 2, 3, 4, 5];
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const place = (id) => document.getElementById(id);
  const number = new Intl.NumberFormat("en");

  function seconds(value) {
    const short = (x) => String(Number(x.toPrecision(3)));
    if (value < 0.001) return value ? `${short(value * 1e6)} µs` : "0 s";
    if (value < 1) return `${short(value * 1000)} ms`;
    if (value < 120) return `${short(value)} s`;
    if (value < 7200) return `${short(value / 60)} min`;
    return `${short(value / 3600)} h`;
  }
  const memory = (bytes) => bytes >= 2 ** 30 ? `${(bytes / 2 ** 30).toFixed(1)} GB` : `${(bytes / 2 ** 20).toFixed(0)} MB`;

  function axis(more) {
    return {
      stroke: css("--ink-2"), grid: { stroke: css("--line"), width: 1 }, ticks: { stroke: css("--line"), width: 1 },
      font: "12px system-ui, sans-serif", ...more,
    };
  }
  const elapsed = () => axis({ values: (_, splits) => splits.map(seconds), space: 70, size: 30 });
  function options(id, height, more) {
    return { width: Math.max(place(id).clientWidth, 200), height, cursor: { drag: { x: false, y: false }, points: { show: false } }, ...more };
  }

  /* --- the workers: a row for each slot */

  const bySlot = Array.from({ length: slots }, () => []);
  for (const segment of figures.segments) bySlot[segment[SLOT]].push(segment);
  const marksBySlot = Array.from({ length: slots }, () => []);
  for (const mark of figures.marks) if (mark[0] < slots) marksBySlot[mark[0]].push(mark);

  function drawWorkers(u) {
    const { ctx, bbox } = u;
    const x = (value) => u.valToPos(value, "x", true);
    const row = bbox.height / slots;
    const gap = Math.min(row * 0.15, 6);
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    const colours = statuses.map((status) => css(`--${status}`));
    for (const [slot, start, end, status] of figures.segments) {
      const left = x(start);
      const width = x(end) - left;
      ctx.fillStyle = colours[status];
      ctx.fillRect(left, bbox.top + slot * row + gap, Math.max(width > 8 ? width - 1 : width, 1), row - 2 * gap);
    }
    const size = Math.max(3, Math.min(row / 3.2, 6 * devicePixelRatio));
    ctx.lineWidth = Math.max(1.5, size / 3);
    for (const [slot, at, , again] of figures.marks) {
      const middle = bbox.top + (slot + 0.5) * row;
      drawCross(ctx, x(at), middle, size);
      if (again !== null) drawTriangle(ctx, x(again), middle, size);
    }
    ctx.restore();
  }
  function drawCross(ctx, x, y, size) {
    for (const [colour, width] of [[css("--card"), ctx.lineWidth * 2.2], [css("--ink"), ctx.lineWidth]]) {
      ctx.save();
      ctx.strokeStyle = colour;
      ctx.lineWidth = width;
      ctx.beginPath();
      for (const way of [-1, 1]) {
        ctx.moveTo(x - size, y - way * size);
        ctx.lineTo(x + size, y + way * size);
      }
      ctx.stroke();
      ctx.restore();
    }
  }
  function drawTriangle(ctx, x, y, size) {
    ctx.beginPath();
    ctx.moveTo(x, y - size);
    ctx.lineTo(x + size * 1.4, y);
    ctx.lineTo(x, y + size);
    ctx.closePath();
    ctx.strokeStyle = css("--card");
    ctx.stroke();
    ctx.fillStyle = css("--ink");
    ctx.fill();
  }

  function describe([slot, start, end, status, count, bad]) {
    const what = count === 1 ? `one item, ${statuses[status]}` : `${number.format(count)} items, ` +
      (bad ? `${number.format(bad)} not ok (${statuses[status]})` : "all ok");
    return `Slot ${slot}, ${seconds(start)} to ${seconds(end)}: ${what}`;
  }
  function readOut(u) {
    const { left, top } = u.cursor;
    if (left < 0 || top < 0) return;
    const slot = Math.min(Math.floor(top / u.over.clientHeight * slots), slots - 1);
    const near = span * 5 / u.over.clientWidth;
    const at = u.posToVal(left, "x");
    const mark = marksBySlot[slot].find((one) => Math.abs(one[1] - at) < near);
    const segment = bySlot[slot].find((one) => one[START] - near / 5 <= at && at <= one[END] + near / 5);
    place("workers-readout").textContent =
      mark ? `Slot ${slot}, ${seconds(mark[1])}: ${mark[2]}` : segment ? describe(segment) : "";
  }
  function workers() {
    const height = Math.max(14, Math.min(34, 420 / slots)) * slots + 36;
    const every = Math.ceil(slots / 16);
    const named = bySlot.map((_, slot) => slot).filter((slot) => slot % every === 0);
    return new uPlot(options("workers", height, {
      legend: { show: false },
      scales: { x: { time: false, range: [0, span] }, y: { range: [0, slots] } },
      axes: [elapsed(), axis({
        splits: () => named.map((slot) => slots - slot - 0.5), values: () => named.map((slot) => `slot ${slot}`),
        grid: { show: false }, size: 58,
      })],
      series: [{}, { show: true, paths: () => null, points: { show: false } }],
      hooks: { draw: [drawWorkers], setCursor: [readOut] },
    }), [[0, span], [0, 0]], place("workers"));
  }
  const at = { slot: 0, index: -1 };
  place("workers").addEventListener("keydown", (event) => {
    const moves = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
    if (!moves || !slots) return;
    event.preventDefault();
    at.slot = Math.max(0, Math.min(slots - 1, at.slot + moves[0]));
    at.index = Math.max(0, Math.min(bySlot[at.slot].length - 1, at.index + moves[1]));
    const segment = bySlot[at.slot][at.index];
    if (!segment) return;
    const u = drawn.workers;
    u.setCursor({
      left: u.valToPos((segment[START] + segment[END]) / 2, "x"), top: (at.slot + 0.5) / slots * u.over.clientHeight,
    });
  });

  /* --- the others */

  const starts = figures.ok.map((_, index) => index * step);
  const stepped = uPlot.paths.stepped({ align: 1 });
  const stretch = { label: "from", value: (_, value) => value === null ? "–" : seconds(value) };
  const none = (show) => (_, value) => value === null || value === undefined ? "–" : show(value);

  function throughput() {
    const rate = (count) => count / step;
    const total = figures.ok.map((ok, index) => rate(ok + figures.bad[index]));
    const perSecond = none((value) => `${number.format(Number(value.toPrecision(3)))}/s`);
    return new uPlot(options("throughput", 190, {
      scales: { x: { time: false, range: [0, span] }, y: { range: (_, __, most) => [0, (most || 1) * 1.05] } },
      axes: [elapsed(), axis({ size: 56 })],
      series: [stretch,
        {
          label: "not ok", stroke: css("--failed"), fill: css("--failed"), paths: stepped, points: { show: false },
          value: (u, _, __, index) => perSecond(u, index === null ? null : rate(figures.bad[index])),
        },
        { label: "ok", stroke: css("--ok"), fill: css("--ok"), paths: stepped, points: { show: false }, value: perSecond }],
    }), [starts, total, figures.ok.map(rate)], place("throughput"));
  }
  function durations() {
    const { edges, ok, bad } = figures.durations;
    const bars = uPlot.paths.bars({ size: [0.92, 60], align: 1 });
    const every = Math.ceil(edges.length * 76 / Math.max(place("durations").clientWidth - 70, 150));
    const named = edges.map((_, index) => index).filter((index) => index % every === 0);
    const whole = none((value) => number.format(value));
    return new uPlot(options("durations", 190, {
      scales: { x: { time: false, range: [0, edges.length - 1] }, y: { range: (_, __, most) => [0, (most || 1) * 1.05] } },
      axes: [axis({ splits: () => named, values: () => named.map((index) => seconds(Number(edges[index].toPrecision(2)))), size: 30 }), axis({ size: 56 })],
      series: [
        { label: "between", value: (_, value) => value === null ? "–" : `${seconds(edges[value])} and ${seconds(edges[value + 1])}` },
        {
          label: "not ok", stroke: css("--failed"), fill: css("--failed"), paths: bars, points: { show: false },
          value: (u, _, __, index) => whole(u, index === null ? null : bad[index]),
        },
        { label: "ok", stroke: css("--ok"), fill: css("--ok"), paths: bars, points: { show: false }, value: whole }],
    }), [ok.map((_, index) => index), ok.map((count, index) => count + bad[index]), ok], place("durations"));
  }
  function memoryUse() {
    const { cap } = figures;
    const data = [starts, figures.memory];
    const series = [stretch, {
      label: "largest", stroke: css("--memory"), fill: css("--memory") + "33", width: 2, paths: stepped, spanGaps: true,
      points: { show: false }, value: none(memory),
    }];
    if (cap) {
      data.push(starts.map(() => cap));
      series.push({ label: "cap", stroke: css("--failed"), dash: [6, 4], width: 1.5, points: { show: false }, value: none(memory) });
    }
    return new uPlot(options("memory", 190, {
      scales: { x: { time: false, range: [0, span] }, y: { range: (_, __, most) => [0, (most || 1) * 1.1] } },
      axes: [elapsed(), axis({
        size: 64, incrs: Array.from({ length: 30 }, (_, power) => 2 ** (power + 18)), values: (_, splits) => splits.map(memory),
      })],
      series,
    }), data, place("memory"));
  }

  /* --- drawing them all, again when the page changes */

  const drawn = {};
  const makers = {};
  if (slots) Object.assign(makers, { workers, throughput });
  if (figures.durations) makers.durations = durations;
  if (figures.memory.some((bytes) => bytes !== null)) makers.memory = memoryUse;
  function drawAll() {
    for (const [id, make] of Object.entries(makers)) {
      if (drawn[id]) drawn[id].destroy();
      drawn[id] = make();
    }
  }
  drawAll();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  let width = innerWidth;
  let due;
  addEventListener("resize", () => {
    if (innerWidth === width) return;
    width = innerWidth;
    clearTimeout(due);
    due = setTimeout(drawAll, 100);
  });
})();
