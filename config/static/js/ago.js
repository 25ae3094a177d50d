// Keeps <time data-ago> true. Its title is the exact time, in the time zone of the profile, as the server wrote it.
const UNITS = [
  ["year", 31557600],
  ["month", 2629800],
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
];
const words = new Intl.RelativeTimeFormat("en", { numeric: "always" });

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
  }
}

export function watchTimes() {
  setInterval(() => document.hidden || writeTimes(document), 20000);
  document.addEventListener("visibilitychange", () => document.hidden || writeTimes(document));
}
