export const whole = new Intl.NumberFormat("en");
export const wait = (seconds) => new Promise((resume) => setTimeout(resume, seconds * 1000));

export const ask = (url) => fetch(url, { headers: { Accept: "application/json" } });

export function tell(what) {
  document.body.dispatchEvent(new CustomEvent(`tollgate:${what}`, { bubbles: true }));
}

export function post(url) {
  const token = document.querySelector("[name=csrfmiddlewaretoken]")?.value ?? "";
  return fetch(url, { method: "POST", headers: { "X-CSRFToken": token, "Content-Type": "application/json", Accept: "application/json" }, body: "{}" });
}
