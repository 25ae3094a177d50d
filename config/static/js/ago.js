// Keeps <time data-ago> true and writes its title in the reader's own language and time zone.
const UNITS = [
  ["year", 31557600],
  ["month", 2629800],
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
];
const language = document.documentElement.lang || "en";
const words = new Intl.RelativeTimeFormat(language, { numeric: "always" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });

export function relative(seconds) {
  for (const [unit, size] of UNITS) {
    if (Math.abs(seconds) >= size) return words.format(Math.trunc(seconds / size), unit);
  }
  return seconds <= 0 ? "just now" : "in a moment";
}

export function writeTimes(root) {
  for (const element of root.querySelectorAll("time[data-ago]")) {
    const at = new Date(element.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    const text = relative((at.getTime() - Date.now()) / 1000);
    if (element.textContent !== text) element.textContent = text;
    element.title = exact.format(at);
  }
}

export function watchTimes() {
  setInterval(() => document.hidden || writeTimes(document), 20000);
  document.addEventListener("visibilitychange", () => document.hidden || writeTimes(document));
}
