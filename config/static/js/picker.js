// [data-picker] chooses events; an area stands for its types.
export function enhancePicker(root) {
  const find = (selector, from = root) => [...from.querySelectorAll(selector)];
  const search = root.querySelector("[data-picker-search]");

  function count() {
    const chosen = find("[data-picker-type] input").filter((box) => box.checked || box.closest("details").querySelector("[data-picker-whole]").checked).length;
    root.querySelector("[data-picker-count]").textContent = `${chosen || "No"} event${chosen === 1 ? "" : "s"} chosen`;
  }

  function filter() {
    const wanted = search.value.trim().toLowerCase();
    for (const area of find("[data-picker-area]")) {
      const rows = find("[data-picker-type]", area);
      for (const row of rows) row.hidden = !row.dataset.pickerType.includes(wanted);
      area.hidden = rows.every((row) => row.hidden);
      area.open = wanted !== "" || area.querySelector(":checked") !== null;
    }
    root.querySelector("[data-picker-none]").hidden = find("[data-picker-area]:not([hidden])").length > 0;
  }

  root.addEventListener("change", count);
  search.addEventListener("input", filter);
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.preventDefault();
  });
  count();
  filter();
}
