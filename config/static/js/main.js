// Entry point. Behaviour is attached by data- attributes; pages work without any of it, charts excepted.
import { watchTimes, writeTimes } from "./ago.js";
import { enhanceCharts } from "./chart.js";
import { watchConfirmations } from "./confirm.js";
import { watchCopies } from "./copy.js";
import { enhanceFirstCall } from "./firstcall.js";
import { enhanceLive } from "./live.js";
import { watchMenus } from "./menu.js";
import { enhancePasskey } from "./passkey.js";
import { enhancePicker } from "./picker.js";
import { watchReveals } from "./reveal.js";
import { watchForms } from "./submit.js";
import { enhanceTabs } from "./tabs.js";
import { watchTheme } from "./theme-switch.js";

const done = new WeakSet();

function each(root, selector, enhance) {
  const found = [...root.querySelectorAll(selector)];
  if (root instanceof Element && root.matches(selector)) found.push(root);
  for (const element of found) {
    if (done.has(element)) continue;
    done.add(element);
    enhance(element);
  }
}

function enhance(root) {
  each(root, "[data-tabs]", enhanceTabs);
  each(root, "[data-chart]", enhanceCharts);
  each(root, "[data-first-call]", enhanceFirstCall);
  each(root, "[data-live]", enhanceLive);
  each(root, "[data-passkey]", enhancePasskey);
  each(root, "[data-picker]", enhancePicker);
  writeTimes(root);
}

watchTheme();
watchTimes();
watchCopies();
watchConfirmations();
watchMenus();
watchReveals();
watchForms();
enhance(document);

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-print]")) print();
});

document.addEventListener("htmx:load", (event) => enhance(event.target));

let focused;

// A session that ended answers with the sign-in page: go there.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr, requestConfig, target } = event.detail;
  focused = target.contains(document.activeElement) && document.activeElement;
  if (!xhr.responseURL) return;
  const asked = new URL(requestConfig.path, location.href).pathname;
  if (new URL(xhr.responseURL).pathname !== asked) {
    event.detail.shouldSwap = false;
    location.assign(location.href);
  }
});

// What had the focus has it again, else what took its place; what a list shows now is told.
document.addEventListener("htmx:afterSettle", ({ target, detail }) => {
  if (focused && document.activeElement === document.body) {
    const links = [...target.querySelectorAll("a")];
    if (target.tabIndex < 0) target.tabIndex = -1;
    (links.find((link) => link.href === focused.href) ?? target.querySelector("[tabindex]") ?? target).focus({ preventScroll: true });
  }
  if (!detail.requestConfig.elt.closest(".filters, .pager")) return;
  const found = target.querySelector(".empty h2")?.textContent ?? `Rows: ${target.querySelectorAll("tbody tr, .notices li").length}`;
  document.querySelector("[data-told]").textContent = found;
});

// Nothing is asked again while nobody looks.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (document.hidden && event.target.matches("[hx-trigger^=every]")) event.preventDefault();
});

for (const name of ["sendError", "responseError", "timeout", "afterSwap"]) {
  document.addEventListener(`htmx:${name}`, () => {
    for (const notice of document.querySelectorAll("[data-request-failed]")) notice.hidden = name === "afterSwap";
  });
}
