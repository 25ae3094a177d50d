// <form data-confirm="…" data-confirm-label="…"> asks in the page's own dialog before it is sent.
export function watchConfirmations() {
  const dialog = document.querySelector("dialog[data-confirm-dialog]");
  if (!dialog) return;
  let pending = null;

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.dataset.confirm || form === pending?.form) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    pending = { form, submitter: event.submitter };
    dialog.querySelector("[data-confirm-text]").textContent = form.dataset.confirm;
    dialog.querySelector("[data-confirm-yes]").textContent = form.dataset.confirmLabel;
    dialog.returnValue = "";
    dialog.showModal();
  }, true);

  dialog.addEventListener("close", () => {
    const asked = pending;
    if (dialog.returnValue === "yes") asked.form.requestSubmit(asked.submitter);
    pending = null;
  });
}
