// <form data-passkey="get|create" data-passkey-options="url"> has a device answer the server's question and sends
// itself with `credential`; [data-passkey-missing] stands in where there are no passkeys.
import { post } from "./page.js";

const WORDS = {
  AbortError: "The dialog was closed. Try again when you are ready.",
  ConstraintError: "This device cannot check who holds it. Set up a screen lock or a PIN, or use another device.",
  InvalidStateError: "This device holds a passkey for your account already.",
  NotAllowedError: "Nothing was confirmed: the dialog was closed, took too long, or this device has no fitting passkey.",
  NotSupportedError: "This device cannot make the kind of passkey that is needed here.",
  SecurityError: "Passkeys do not work at this address. Open the page at its usual address, over https.",
  TypeError: "The server could not be reached. Check the connection and try again.",
};
const MEMBERS = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"];

class Refused extends Error {}

function bytes(text) {
  const base64 = text.replaceAll("-", "+").replaceAll("_", "/");
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

function text(buffer) {
  const base64 = btoa(String.fromCharCode(...new Uint8Array(buffer)));
  return base64.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

const described = (list) => list?.map((one) => ({ ...one, id: bytes(one.id) }));

function parsed(options) {
  const { challenge, user, excludeCredentials, allowCredentials } = options;
  return {
    ...options,
    challenge: bytes(challenge),
    user: user && { ...user, id: bytes(user.id) },
    excludeCredentials: described(excludeCredentials),
    allowCredentials: described(allowCredentials),
  };
}

// What is undefined is not written.
function asJSON({ id, rawId, type, response, authenticatorAttachment }) {
  const written = { transports: response.getTransports?.() };
  for (const name of MEMBERS) if (response[name]) written[name] = text(response[name]);
  authenticatorAttachment ??= undefined;
  return JSON.stringify({ id, rawId: text(rawId), type, response: written, clientExtensionResults: {}, authenticatorAttachment });
}

async function question(form) {
  const response = await post(form.dataset.passkeyOptions);
  const answer = await response.json().catch(() => ({}));
  if (answer.code === "reauthentication_required") location.reload();
  if (!response.ok) throw new Refused([answer.detail, answer.fix].filter(Boolean).join(" ") || "The server refused. Try again in a moment.");
  return answer;
}

async function answered(form) {
  const options = await question(form);
  const { passkey } = form.dataset;
  const parse = `parse${passkey === "get" ? "Request" : "Creation"}OptionsFromJSON`;
  const publicKey = PublicKeyCredential[parse]?.(options) ?? parsed(options);
  return asJSON(await navigator.credentials[passkey]({ publicKey }));
}

function say(form, words) {
  const place = form.querySelector("[data-passkey-error]");
  place.querySelector("[data-passkey-words]").textContent = words;
  place.hidden = !words;
}

async function send(form, button) {
  say(form, "");
  button?.setAttribute("aria-busy", "true");
  form.dataset.asking = "yes";
  try {
    form.elements.credential.value = await answered(form);
    form.requestSubmit(button);
  } catch (error) {
    button?.removeAttribute("aria-busy");
    say(form, error instanceof Refused ? error.message : (WORDS[error.name] ?? "Something went wrong. Try again."));
  } finally {
    delete form.dataset.asking;
  }
}

export function enhancePasskey(form) {
  if (!window.PublicKeyCredential) {
    form.hidden = true;
    for (const notice of document.querySelectorAll("[data-passkey-missing]")) notice.hidden = false;
    return;
  }
  form.addEventListener("submit", (event) => {
    if (form.elements.credential.value) return;
    event.preventDefault();
    if (!form.dataset.asking) send(form, event.submitter);
  });
  // An answer is good once.
  addEventListener("pageshow", () => {
    form.elements.credential.value = "";
  });
}
