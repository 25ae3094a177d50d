// [data-picker] is the choice of events: a search that opens what matches, a count, and areas taken as a whole.
export function enhancePicker(root) {
  const find = (selector) => [...root.querySelectorAll(selector)];
  const search = root.querySelector("[data-picker-search]");
  const all = root.querySelector("[data-picker-all]");
  const areas = find("[data-picker-area]");
  const opened = new Map(areas.map((area) => [area, area.open]));

  function count() {
    const whole = find("[data-picker-whole]:checked");
    const covered = new Set(whole.flatMap((box) => [...box.closest("details").querySelectorAll("[data-picker-type] input")]));
    const single = find("[data-picker-type] input:checked").filter((box) => !covered.has(box));
    const chosen = covered.size + single.length;
    root.querySelector("[data-picker-count]").textContent = chosen ? `${chosen} event${chosen === 1 ? "" : "s"} chosen` : "No event chosen yet";
  }

  function filter() {
    const wanted = search.value.trim().toLowerCase();
    let matches = 0;
    for (const area of areas) {
      let inside = 0;
      for (const row of area.querySelectorAll("[data-picker-type]")) {
        row.hidden = wanted !== "" && !row.dataset.pickerType.includes(wanted);
        if (!row.hidden) inside += 1;
      }
      area.hidden = inside === 0;
      area.open = wanted ? inside > 0 : opened.get(area);
      matches += inside;
    }
    root.querySelector("[data-picker-none]").hidden = matches > 0;
  }

  // Choosing anything means that not everything is meant.
  root.addEventListener("change", (event) => {
    if (event.target !== all && event.target.checked) all.checked = false;
    count();
  });
  for (const area of areas) {
    area.addEventListener("toggle", () => {
      if (!search.value) opened.set(area, area.open);
    });
  }
  search.addEventListener("input", filter);
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.preventDefault();
  });
  count();
}
