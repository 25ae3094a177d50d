// data-reveal="#scope" hides or shows its data-secret in every [data-sensitive] of the scope.
// Leaving the page forgets it, so that Back shows nothing.
const originals = new WeakMap();

export function plain(element) {
  return originals.get(element) ?? ("value" in element ? element.value : element.textContent);
}

function mask(secret) {
  return `${secret.slice(0, secret.lastIndexOf("_") + 1)}${"•".repeat(24)}${secret.slice(-4)}`;
}

function toggle(button) {
  const scope = document.querySelector(button.dataset.reveal);
  const hidden = button.getAttribute("aria-pressed") === "true";
  for (const element of scope.querySelectorAll("[data-sensitive]")) {
    if (!originals.has(element)) originals.set(element, element.textContent);
    const text = originals.get(element);
    element.textContent = hidden ? text : text.replaceAll(scope.dataset.secret, mask(scope.dataset.secret));
  }
  button.setAttribute("aria-pressed", String(!hidden));
  button.querySelector("[data-reveal-label]").textContent = hidden ? "Hide" : "Show";
}

export function watchReveals() {
  // Back and Reload ask for [data-instead], not for the form.
  const shown = document.querySelector("[data-instead]");
  if (shown) history.replaceState(null, "", shown.dataset.instead);
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-reveal]");
    if (button) toggle(button);
  });
  addEventListener("pageshow", (event) => {
    if (event.persisted && document.querySelector("[data-secret]")) location.reload();
  });
}
