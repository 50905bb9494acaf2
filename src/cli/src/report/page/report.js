"use strict";
(() => {
  const root = document.documentElement;
  const data = JSON.parse(document.getElementById("data").textContent);
  const system = matchMedia("(prefers-color-scheme: dark)");
  let chosen = null;
  const dark = () => (chosen === null ? system.matches : chosen);
  const variable = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const colour = (number) => variable(`--c${number % 8}`);
  const short = (value) => Number(value.toPrecision(4)).toString();
  const cut = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
  // Two lines of at most so many characters.
  const wrapped = (text, most) => {
    if (text.length <= most) return text;
    const space = text.lastIndexOf(" ", most);
    const first = space > 0 ? text.slice(0, space) : text.slice(0, most);
    return [first, cut(text.slice(first.length).trim(), most)];
  };
  const MARKS = ["circle", "rect", "triangle", "rectRot", "star", "cross"];

  // 95 % intervals: a line through every point that has one.
  const intervals = {
    id: "intervals",
    afterDatasetDraw(chart, args) {
      const { ctx, scales } = chart;
      ctx.save();
      ctx.strokeStyle = chart.data.datasets[args.index].borderColor;
      ctx.lineWidth = 1.5;
      args.meta.data.forEach((element, i) => {
        const interval = chart.data.datasets[args.index].data[i].interval;
        if (!interval) return;
        const rows = chart.options.indexAxis === "y";
        const [low, high] = interval.map((v) => (rows ? scales.x : scales.y).getPixelForValue(v));
        ctx.beginPath();
        if (rows) { ctx.moveTo(low, element.y); ctx.lineTo(high, element.y); }
        else { ctx.moveTo(element.x, low); ctx.lineTo(element.x, high); }
        ctx.stroke();
      });
      ctx.restore();
    },
  };

  // The line where both axes agree.
  const diagonal = {
    id: "diagonal",
    beforeDatasetsDraw(chart) {
      if (!chart.options.plugins.diagonal.shown) return;
      const { ctx, chartArea: area, scales: { x, y } } = chart;
      const [low, high] = [Math.max(x.min, y.min), Math.min(x.max, y.max)];
      if (low >= high) return;
      ctx.save();
      ctx.setLineDash([5, 4]);
      ctx.strokeStyle = variable("--quiet");
      ctx.beginPath();
      ctx.moveTo(x.getPixelForValue(low), y.getPixelForValue(low));
      ctx.lineTo(x.getPixelForValue(high), y.getPixelForValue(high));
      ctx.stroke();
      ctx.restore();
    },
  };

  function dataset(chart, series, index, narrow) {
    const own = colour(series.colour);
    const rows = chart.kind === "rows", bars = chart.kind === "stack" || chart.kind === "columns";
    // Rows of several series stand beside each other within their category.
    const shift = rows ? (index - (chart.series.length - 1) / 2) * (0.7 / chart.series.length) * (chart.shared ? 1 : 0) : 0;
    const points = series.points.map(([x, y, low, high]) => {
      const interval = low === undefined ? null : [low, high];
      if (rows) return { x: y, y: x + shift, interval };
      if (chart.kind === "stack") return { x: y, y: chart.categories[x] };
      return { x, y, interval };
    });
    return {
      label: series.name, data: points, borderColor: own,
      backgroundColor: chart.kind === "scatter" ? `${own}99` : own,
      type: bars ? "bar" : chart.kind === "line" ? "line" : "scatter",
      borderWidth: bars ? 0 : 2, grouped: false, barPercentage: 0.9, categoryPercentage: 0.9,
      pointStyle: MARKS[Math.floor(series.colour / 8) % MARKS.length],
      pointRadius: rows ? 5 : chart.kind === "scatter" ? 2.5 : points.length > 60 ? 0 : narrow ? 2 : 3,
      pointHoverRadius: 6, pointHitRadius: 12, tension: 0, clip: 8,
    };
  }

  function label(chart, item) {
    const point = item.raw, unit = chart.percent ? " %" : "";
    const within = point.interval ? ` [${short(point.interval[0])}, ${short(point.interval[1])}]` : "";
    if (chart.kind === "rows" || chart.kind === "stack") return `${item.dataset.label}: ${short(point.x)}${unit}${within}`;
    return `${item.dataset.label}: ${short(point.y)}${unit}${within}`;
  }

  function title(chart, items) {
    if (!items.length) return "";
    const point = items[0].raw;
    if (chart.kind === "stack") return point.y;
    if (chart.kind === "rows") return chart.categories[Math.round(point.y)];
    return `${chart.x} ${short(point.x)}`;
  }

  function draw(holder) {
    const chart = data[holder.dataset.chart];
    const narrow = holder.clientWidth < 460;
    const horizontal = chart.kind === "rows" || chart.kind === "stack";
    const count = Math.max(chart.categories.length, 1);
    const used = chart.series.map((s) => s.points.map((p) => p[0])).flat();
    chart.shared = new Set(used).size < used.length;
    const legend = chart.series.length > 1 && (chart.kind !== "rows" || chart.shared);
    if (horizontal) {
      const row = chart.kind === "rows" && chart.shared ? Math.max(30, 13 * chart.series.length) : 32;
      holder.style.height = `${count * row + 70 + (legend ? 24 * Math.ceil(chart.series.length / (narrow ? 2 : 5)) : 0)}px`;
    } else if (legend) {
      holder.style.height = `${270 + 20 * Math.ceil(chart.series.length / (narrow ? 1.5 : 3))}px`;
    }
    const [ink, line] = [variable("--quiet"), variable("--line")];
    const most = Math.max(14, Math.floor(holder.clientWidth / 20));
    const whole = { min: 0, max: 100 };
    const axis = (name, more) => ({
      title: { display: Boolean(name), text: name, color: ink }, grid: { color: line }, border: { color: line },
      ...more, ticks: { color: ink, maxRotation: 0, autoSkipPadding: 14, ...(more || {}).ticks },
    });
    const named = { ticks: { autoSkip: false, callback: (value) => {
      const text = chart.categories[value];
      return text === undefined ? "" : wrapped(text, most);
    } } };
    let x, y;
    if (chart.kind === "rows") {
      x = axis(chart.x, chart.percent ? whole : {});
      y = axis("", { type: "linear", min: -0.5, max: count - 0.5, reverse: true, grid: { display: false },
        afterBuildTicks: (scale) => { scale.ticks = chart.categories.map((_, value) => ({ value })); }, ...named });
    } else if (chart.kind === "stack") {
      x = axis(chart.x, { stacked: true, ...(chart.percent ? whole : {}) });
      y = axis("", { type: "category", labels: chart.categories, stacked: true, grid: { display: false }, ...named });
    } else {
      x = axis(chart.x, { type: chart.logarithmic ? "logarithmic" : "linear", ...(chart.kind === "columns" ? { min: 0 } : {}),
        ticks: { callback: (value) => (Math.abs(value) >= 1000 ? `${short(value / 1000)} k` : short(value)) } });
      y = axis(chart.y, chart.percent ? whole : {});
    }
    const datasets = chart.series.map((series, i) => dataset(chart, series, i, narrow));
    if (chart.kind === "columns" || chart.kind === "stack") datasets.forEach((d) => { d.grouped = chart.kind === "columns"; });
    if (chart.kind === "stack") datasets.forEach((d) => { d.stack = "one"; });
    return new Chart(holder.querySelector("canvas"), {
      data: { datasets },
      options: {
        animation: false, responsive: true, maintainAspectRatio: false, indexAxis: horizontal ? "y" : "x",
        interaction: { mode: "nearest", intersect: false, axis: horizontal || chart.kind === "scatter" ? "xy" : "x" },
        scales: { x, y },
        plugins: {
          diagonal: { shown: chart.diagonal },
          legend: { display: legend, position: "bottom", labels: { color: variable("--ink"), usePointStyle: true, boxHeight: 7 } },
          tooltip: { filter: (item, i) => i < 12,
            callbacks: { label: (item) => label(chart, item), title: (items) => title(chart, items) } },
        },
      },
      plugins: [intervals, diagonal],
    });
  }

  const drawn = new Map();
  function show(holder) {
    drawn.get(holder)?.destroy();
    drawn.set(holder, draw(holder));
  }
  // Charts in a closed part have no size yet.
  const visible = (holder) => !holder.closest("details:not([open])");
  function paint() {
    root.dataset.theme = dark() ? "dark" : "light";
    document.querySelectorAll("[data-colour]").forEach((one) => one.style.setProperty("--own", colour(Number(one.dataset.colour))));
    document.querySelectorAll("[data-chart]").forEach((holder) => { if (visible(holder)) show(holder); });
  }
  document.querySelectorAll("details").forEach((one) => one.addEventListener("toggle", () => {
    one.querySelectorAll("[data-chart]").forEach((holder) => { if (visible(holder)) show(holder); });
  }));
  document.getElementById("theme").addEventListener("click", () => { chosen = !dark(); paint(); });
  system.addEventListener("change", paint);
  paint();
})();
