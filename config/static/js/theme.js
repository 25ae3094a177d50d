// Runs before the first paint: marks that scripts work and applies the chosen color scheme.
// The storage key is the one Django's admin uses, so that portal and back office agree.
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  try {
    const theme = localStorage.getItem("theme");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  } catch {
    // Storage is refused: the system's scheme applies.
  }
})();
