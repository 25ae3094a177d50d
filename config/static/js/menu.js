// Menus are <details>: Escape, a click elsewhere and a lost focus close them.
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
  // A wide window shows the drawer as a column, which must not stay in the top layer.
  const drawer = document.querySelector("[data-drawer]");
  matchMedia("(width >= 60rem)").addEventListener("change", () => {
    if (drawer?.matches(":popover-open")) drawer.hidePopover();
  });
}
