// Before the first paint: marks that scripts work and applies the scheme, kept where Django's admin keeps it.
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  try {
    const theme = localStorage.getItem("theme");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  } catch {
    // The system's scheme applies.
  }
})();
