// [data-tabs] turns its [data-tab="Label"] panels into tabs with arrow keys.
let count = 0;

export function enhanceTabs(root) {
  const panels = [...root.querySelectorAll("[data-tab]")];
  if (panels.length < 2) return;
  const list = document.createElement("div");
  list.className = "tabs";
  list.setAttribute("role", "tablist");
  list.setAttribute("aria-label", root.dataset.tabs);

  const tabs = panels.map((panel) => {
    const tab = document.createElement("button");
    panel.id ||= `tab-panel-${++count}`;
    Object.assign(tab, { type: "button", textContent: panel.dataset.tab, id: `${panel.id}-tab` });
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", panel.id);
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", tab.id);
    list.append(tab);
    return tab;
  });

  function choose(index, focus) {
    tabs.forEach((tab, at) => {
      tab.setAttribute("aria-selected", String(at === index));
      tab.tabIndex = at === index ? 0 : -1;
      panels[at].hidden = at !== index;
    });
    if (focus) tabs[index].focus();
  }

  list.addEventListener("click", (event) => {
    const at = tabs.indexOf(event.target.closest("button"));
    if (at >= 0) choose(at, false);
  });
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    choose((tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length, true);
  });
  root.prepend(list);
  choose(0, false);
}
