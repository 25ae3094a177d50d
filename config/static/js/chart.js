// <figure data-chart data-src="…"> draws a time series with uPlot, given as JSON:
//   {"at": [epoch seconds], "series": [{"label": "Calls", "values": [1, 2]}]}
// data-zone is the time zone in which the server cut the days.
import { ask, whole } from "./page.js";

const DAY = 82800; // the shortest: a clock is put forward
const STEPS = Array.from({ length: 46 }, (_, place) => [1, 2, 5][place % 3] * 10 ** Math.floor(place / 3));
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const sum = (values) => values.reduce((total, value) => total + (value ?? 0), 0);

function writers(timeZone) {
  const write = (options) => {
    const format = new Intl.DateTimeFormat("en-GB", { timeZone, ...options });
    return (second) => format.format(new Date(second * 1000));
  };
  const day = { day: "numeric", month: "short" };
  const clock = { hour: "2-digit", minute: "2-digit" };
  return { day: write(day), clock: write(clock), moment: write({ ...day, ...clock, timeZoneName: "short" }) };
}

class Chart {
  constructor(figure) {
    this.figure = figure;
    this.plot = figure.querySelector("[data-plot]");
    this.legend = figure.querySelector("[data-legend]");
    this.text = figure.querySelector("[data-state-text]");
    this.retry = figure.querySelector("[data-retry]");
    this.write = writers(figure.dataset.zone);
    this.retry.addEventListener("click", () => this.load());
    this.plot.addEventListener("keydown", (event) => this.step(event));
    this.plot.addEventListener("blur", () => {
      this.told = null;
      this.chart?.setCursor({ left: -10, top: -10 });
    });
    document.addEventListener("tollgate:theme", () => this.draw());
    matchMedia("print").addEventListener("change", () => this.draw());
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
      const response = await ask(this.figure.dataset.src);
      if (!response.ok) throw response;
      this.data = await response.json();
      this.draw();
    } catch {
      if (!quietly) this.state("error", "The chart could not be loaded.");
    }
  }

  draw() {
    if (!this.data) return;
    this.chart?.destroy();
    this.chart = null;
    const { at, series } = this.data;
    const total = sum(series.flatMap((one) => one.values));
    this.writeLegend(null);
    if (!total) {
      Object.assign(this.plot, { role: "img", tabIndex: -1 });
      return this.state("empty", this.figure.dataset.empty);
    }
    this.state("ready", "");
    const summary = series.map((one) => `${one.label}: ${whole.format(sum(one.values))} in total`).join(", ");
    this.plot.setAttribute("aria-label", `${this.figure.dataset.label}. ${summary}.`);
    // New data keep the place of whoever reads them.
    const place = at.indexOf(this.told);
    this.tell(place < 0 ? at.length - 1 : place);
    this.chart = new window.uPlot(this.options(series), [at, ...series.map((one) => one.values)], this.plot);
  }

  // A chart with something in it is a slider over its columns.
  tell(index) {
    const values = this.data.series.map((one) => `${one.label} ${whole.format(one.values[index] ?? 0)}`);
    Object.assign(this.plot, {
      role: "slider",
      tabIndex: 0,
      ariaValueMin: 0,
      ariaValueMax: this.data.at.length - 1,
      ariaValueNow: index,
      ariaValueText: `${this.timeOf(index)}: ${values.join(", ")}`,
    });
  }

  step(event) {
    const index = Number(this.plot.ariaValueNow) + { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!(index in this.data.at)) return;
    event.preventDefault();
    this.told = this.data.at[index];
    this.tell(index);
    this.point();
  }

  point() {
    if (this.told) this.chart.setCursor({ left: this.chart.valToPos(this.told, "x"), top: 0 });
  }

  timeOf(index) {
    const { at } = this.data;
    return this.write[at[1] - at[0] >= DAY ? "day" : "moment"](at[index]);
  }

  options(series) {
    const quiet = getComputedStyle(this.legend).color;
    const line = getComputedStyle(this.figure).outlineColor;
    const axis = { stroke: quiet, font: `11px ${getComputedStyle(document.body).fontFamily}`, ticks: { show: false } };
    const bars = this.data.at.length <= 62;
    return {
      ...this.size(),
      tzDate: (second) => window.uPlot.tzDate(new Date(second * 1000), this.figure.dataset.zone),
      padding: [8, 14, 0, 0],
      legend: { show: false },
      cursor: { y: false, points: { size: 7 }, drag: { x: false, y: false } },
      scales: { x: { range: (chart, low, high) => this.timeRange(low, high, bars) }, y: { range: (chart, low, high) => [0, Math.max(high * 1.08, 4)] } },
      axes: [
        { ...axis, grid: { show: false }, space: 64, size: 26, gap: 4, values: (chart, splits, axis, space, step) => splits.map((second) => this.label(second, step)) },
        { ...axis, grid: { stroke: line, width: 1 }, size: 44, space: 36, gap: 4, incrs: STEPS, values: (chart, splits) => splits.map((value) => compact.format(value)) },
      ],
      series: [{}, ...series.map((one, index) => this.stroke(index, bars))],
      hooks: { ready: [() => this.point()], setCursor: [(chart) => this.writeLegend(chart.cursor.idx ?? null)] },
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
    const color = getComputedStyle(this.figure.querySelector(`.swatch-${index + 1}`)).fill;
    if (bars) return { stroke: color, fill: color, width: 0, points: { show: false }, paths: window.uPlot.paths.bars({ size: [0.72, 28], radius: 0.15 }) };
    const fill = index ? undefined : color.replace("rgb(", "rgba(").replace(")", ", 0.1)");
    return { stroke: color, width: 1.5, fill, points: { show: false } };
  }

  label(second, step) {
    const clock = this.write.clock(second);
    return step >= DAY || clock === "00:00" ? this.write.day(second) : clock;
  }

  writeLegend(index) {
    const { series } = this.data;
    for (const [position, one] of series.entries()) {
      const entry = this.legend.children[position];
      if (!entry) continue;
      entry.hidden = false;
      entry.querySelector("[data-name]").textContent = one.label;
      entry.querySelector("b").textContent = whole.format(index === null ? sum(one.values) : (one.values[index] ?? 0));
    }
    this.legend.lastElementChild.textContent = index === null ? "" : this.timeOf(index);
  }
}

export const enhanceCharts = (figure) => new Chart(figure);
