// [data-first-call="url"] asks for an hour whether the key was used.
import { relative } from "./ago.js";
import { ask, tell, wait } from "./page.js";

function received(element, call) {
  element.classList.replace("waiting", "received");
  element.querySelector("[data-first-call-title]").textContent = "Received";
  element.querySelector("[data-first-call-text]").textContent = `It arrived ${relative(call.at)}.`;
  for (const link of element.querySelectorAll("[data-first-call-next]")) link.hidden = false;
  for (const link of element.querySelectorAll("[data-first-call-check]")) link.hidden = true;
  tell("calls");
}

export async function enhanceFirstCall(element) {
  const started = Date.now();
  while (element.isConnected && Date.now() - started < 3600000) {
    if (!document.hidden) {
      try {
        const call = await (await ask(element.dataset.firstCall)).json();
        if (call.received) return received(element, call);
      } catch {
        // A missed question is asked again.
      }
    }
    await wait(Date.now() - started < 60000 ? 2 : 6);
  }
}
