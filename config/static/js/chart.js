// <figure data-chart data-src="…"> draws a time series with uPlot. Two shapes of JSON are understood:
//   {"at": [epoch seconds], "series": [{"label": "Calls", "values": [1, 2]}]}
//   {"data": [{"bucket": "2026-01-31T10:00:00Z", "calls": 1, "errors": 0}]} with data-measures="calls errors"
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const moment = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });
const title = (word) => (word[0].toUpperCase() + word.slice(1)).replaceAll("_", " ");
const sum = (values) => values.reduce((total, value) => total + (value ?? 0), 0);

export function columns(json, measures) {
  if (json.at) return { at: json.at, series: json.series };
  const at = json.data.map((row) => Date.parse(row.bucket) / 1000);
  const known = measures.filter((name) => json.data.some((row) => row[name] !== undefined));
  const series = known.map((name) => ({ label: title(name), values: json.data.map((row) => row[name]) }));
  return { at, series };
}

class Chart {
  constructor(figure) {
    this.figure = figure;
    this.plot = figure.querySelector("[data-plot]");
    this.legend = figure.querySelector("[data-legend]");
    this.text = figure.querySelector("[data-state-text]");
    this.retry = figure.querySelector("[data-retry]");
    this.retry.addEventListener("click", () => this.load());
    document.addEventListener("tollgate:theme", () => this.draw());
    document.addEventListener("tollgate:calls", () => this.load(true));
    new ResizeObserver(() => this.chart?.setSize(this.size())).observe(this.plot);
    this.load();
  }

  size() {
    return { width: this.plot.clientWidth, height: this.plot.clientHeight };
  }

  state(name, text) {
    this.figure.dataset.state = name;
    this.text.textContent = text;
    this.retry.hidden = name !== "error";
  }

  async load(quietly = false) {
    if (!this.figure.isConnected) return;
    if (!quietly) this.state("loading", "Loading…");
    try {
      const { src, json, measures = "calls errors" } = this.figure.dataset;
      this.data = columns(json ? JSON.parse(document.querySelector(json).textContent) : await this.fetch(src), measures.split(" "));
      this.draw();
    } catch {
      if (!quietly) this.state("error", "The chart could not be loaded.");
    }
  }

  async fetch(url) {
    const response = await fetch(url, { headers: { Accept: "application/json" }, credentials: "same-origin" });
    if (!response.ok) throw new Error(`${response.status}`);
    return response.json();
  }

  draw() {
    if (!this.data) return;
    this.chart?.destroy();
    this.chart = null;
    const { at, series } = this.data;
    const total = sum(series.flatMap((one) => one.values));
    this.writeLegend(null);
    if (!total) return this.state("empty", this.figure.dataset.empty);
    this.state("ready", "");
    const summary = series.map((one) => `${one.label}: ${whole.format(sum(one.values))} in total`).join(", ");
    this.plot.setAttribute("aria-label", `${this.figure.dataset.label}. ${summary}.`);
    this.chart = new window.uPlot(this.options(series), [at, ...series.map((one) => one.values)], this.plot);
  }

  color(selector, property) {
    return getComputedStyle(this.figure.querySelector(selector))[property];
  }

  options(series) {
    const quiet = getComputedStyle(this.legend).color;
    const line = getComputedStyle(this.figure).outlineColor;
    const axis = { stroke: quiet, font: `11px ${getComputedStyle(document.body).fontFamily}`, ticks: { show: false } };
    const bars = this.data.at.length <= 62;
    return {
      ...this.size(),
      padding: [8, 14, 0, 0],
      legend: { show: false },
      cursor: { y: false, points: { size: 7 }, drag: { x: false, y: false } },
      scales: { x: { range: (chart, low, high) => this.timeRange(low, high, bars) }, y: { range: (chart, low, high) => [0, Math.max(high * 1.08, 4)] } },
      axes: [
        { ...axis, grid: { show: false }, space: 64, size: 26, gap: 4, values: this.timeLabels },
        { ...axis, grid: { stroke: line, width: 1 }, size: 44, space: 36, gap: 4, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 2e6, 5e6, 1e7, 2e7, 5e7, 1e8, 1e9], values: (chart, splits) => splits.map((value) => compact.format(value)) },
      ],
      series: [{}, ...series.map((one, index) => this.stroke(index, bars))],
      hooks: { setCursor: [(chart) => this.writeLegend(chart.cursor.idx ?? null)] },
    };
  }

  // Bars stand on their time: half a step of room keeps the outer ones whole.
  timeRange(low, high, bars) {
    const { at } = this.data;
    const step = at.length > 1 ? at[1] - at[0] : 3600;
    const half = bars || at.length === 1 ? step / 2 : 0;
    return [low - half, high + half];
  }

  stroke(index, bars) {
    const color = this.color(`.swatch-${index + 1}`, "fill");
    if (bars) return { stroke: color, fill: color, width: 0, points: { show: false }, paths: window.uPlot.paths.bars({ size: [0.72, 28], radius: 0.15 }) };
    const fill = index ? undefined : color.replace("rgb(", "rgba(").replace(")", ", 0.1)");
    return { stroke: color, width: 1.5, fill, points: { show: false } };
  }

  timeLabels(chart, splits, axis, space, step) {
    return splits.map((second) => {
      const at = new Date(second * 1000);
      const midnight = at.getHours() === 0 && at.getMinutes() === 0;
      return step >= 86400 || midnight ? day.format(at) : clock.format(at);
    });
  }

  writeLegend(index) {
    const { at, series } = this.data;
    for (const [position, one] of series.entries()) {
      const entry = this.legend.children[position];
      if (!entry) continue;
      entry.hidden = false;
      entry.querySelector("[data-name]").textContent = one.label;
      entry.querySelector("b").textContent = whole.format(index === null ? sum(one.values) : (one.values[index] ?? 0));
    }
    this.legend.lastElementChild.textContent = index === null ? "" : moment.format(new Date(at[index] * 1000));
  }
}

export function enhanceCharts(figure) {
  return new Chart(figure);
}
