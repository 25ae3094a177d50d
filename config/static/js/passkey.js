// <form data-passkey="get|create" data-passkey-options="url"> has a device answer the server's question, then sends
// itself with `credential`. Faults are said in [data-passkey-error]; [data-passkey-missing] stands in where there are none.
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
  const characters = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join("");
  return btoa(characters).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

const descriptors = (list) => (list ?? []).map((one) => ({ ...one, id: bytes(one.id) }));

function toCreate(options) {
  if (PublicKeyCredential.parseCreationOptionsFromJSON) return PublicKeyCredential.parseCreationOptionsFromJSON(options);
  const user = { ...options.user, id: bytes(options.user.id) };
  return { ...options, user, challenge: bytes(options.challenge), excludeCredentials: descriptors(options.excludeCredentials) };
}

function toGet(options) {
  if (PublicKeyCredential.parseRequestOptionsFromJSON) return PublicKeyCredential.parseRequestOptionsFromJSON(options);
  return { ...options, challenge: bytes(options.challenge), allowCredentials: descriptors(options.allowCredentials) };
}

function asJSON(credential) {
  const response = {};
  for (const name of MEMBERS) if (credential.response[name]) response[name] = text(credential.response[name]);
  if (credential.response.getTransports) response.transports = credential.response.getTransports();
  const { id, type, authenticatorAttachment } = credential;
  const attachment = authenticatorAttachment ? { authenticatorAttachment } : {};
  return { id, rawId: text(credential.rawId), type, response, clientExtensionResults: {}, ...attachment };
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
  const credential =
    form.dataset.passkey === "create"
      ? await navigator.credentials.create({ publicKey: toCreate(options) })
      : await navigator.credentials.get({ publicKey: toGet(options) });
  return JSON.stringify(asJSON(credential));
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
