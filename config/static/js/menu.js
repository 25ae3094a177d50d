// Menus are <details>: this closes them on Escape, on a click elsewhere, and when the focus leaves.
export function watchMenus() {
  const open = () => document.querySelectorAll("details.menu[open]");
  for (const happening of ["click", "focusin"]) {
    document.addEventListener(happening, (event) => {
      for (const menu of open()) if (!menu.contains(event.target)) menu.open = false;
    });
  }
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of open()) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
  // The drawer is a popover: a wide window shows it as a column, where it must not stay in the top layer.
  const drawer = document.querySelector("[data-drawer]");
  matchMedia("(width >= 60rem)").addEventListener("change", () => {
    if (drawer?.matches(":popover-open")) drawer.hidePopover();
  });
}
