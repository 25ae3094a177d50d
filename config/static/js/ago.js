// Keeps <time data-ago> true by the rule of ui.py.
const UNITS = [
  ["year", 31557600, 2629800],
  ["month", 2629800, 86400],
  ["day", 86400, 3600],
  ["hour", 3600, 60],
  ["minute", 60, 1],
];
const words = new Intl.RelativeTimeFormat("en", { numeric: "always" });

export function relative(time) {
  const seconds = (new Date(time) - Date.now()) / 1000;
  const whole = seconds > 0 ? Math.round : Math.ceil;
  for (const [unit, size, below] of UNITS) {
    if (Math.abs(whole(seconds / below)) * below >= size) return words.format(whole(seconds / size), unit);
  }
  return seconds <= 0 ? "just now" : "in a moment";
}

export function writeTimes(root) {
  for (const element of root.querySelectorAll("time[data-ago]")) {
    const text = relative(element.dateTime);
    if (element.textContent !== text) element.textContent = text;
  }
}

export function watchTimes() {
  setInterval(() => document.hidden || writeTimes(document), 20000);
  document.addEventListener("visibilitychange", () => document.hidden || writeTimes(document));
}
