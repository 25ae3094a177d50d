// [data-live] follows the organization's calls: a WebSocket with a short-lived ticket, polling where that fails.
// Counters marked data-live-count rise; "tollgate:calls" tells charts and lists to reload.
import { post, tell, wait, whole } from "./page.js";

const SECONDS = 40;
const POLL_EVERY = 15000;

class Live {
  constructor(element) {
    this.element = element;
    this.text = element.querySelector("[data-live-text]");
    this.bars = element.querySelector("[data-live-bars]");
    this.ticks = [];
    this.failures = 0;
    this.follow();
  }

  say(state, text) {
    if (this.text.textContent === text) return;
    this.element.dataset.state = state;
    this.text.textContent = text;
  }

  async follow() {
    while (this.element.isConnected) {
      try {
        await this.listen(await this.ticket());
      } catch {
        // Counted below like a connection that ended.
      }
      this.failures += 1;
      if (this.failures >= 3) this.poll();
      else this.say("connecting", "Reconnecting…");
      await wait(Math.min(30, 2 ** this.failures) * (0.75 + Math.random() / 2));
    }
  }

  async ticket() {
    const response = await post(this.element.dataset.live);
    if (!response.ok) throw new Error(`${response.status}`);
    return (await response.json()).ticket;
  }

  listen(ticket) {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/ws/live?ticket=${encodeURIComponent(ticket)}`);
    socket.addEventListener("open", () => {
      this.failures = 0;
      clearInterval(this.polling);
      this.polling = null;
      this.say("live", "Live");
    });
    socket.addEventListener("message", (event) => this.receive(JSON.parse(event.data)));
    addEventListener("pagehide", () => socket.close(), { once: true });
    return new Promise((ended) => socket.addEventListener("close", ended, { once: true }));
  }

  receive(message) {
    if (message.type === "notice") tell("notice");
    if (message.type !== "tick") return;
    this.ticks = [...this.ticks, message].slice(-SECONDS);
    this.drawBars();
    if (!message.calls && !message.refused) return;
    for (const kind of ["calls", "refused"]) this.count(kind, message[kind] ?? 0);
    this.announce();
  }

  count(kind, amount) {
    for (const counter of document.querySelectorAll(`[data-live-count="${kind}"]`)) {
      counter.dataset.value = Number(counter.dataset.value) + amount;
      counter.textContent = whole.format(Number(counter.dataset.value));
    }
  }

  // Ingestion needs a moment; a burst causes one reload.
  announce() {
    this.announcing ??= setTimeout(() => {
      this.announcing = null;
      this.reload();
    }, 2500);
  }

  reload() {
    if (!document.hidden) tell("calls");
  }

  poll() {
    this.say("polling", "Refreshing every 15 s");
    this.polling ??= setInterval(() => this.reload(), POLL_EVERY);
  }

  drawBars() {
    const most = Math.max(1, ...this.ticks.map((tick) => tick.calls));
    const offset = SECONDS - this.ticks.length;
    for (const path of this.bars?.children ?? []) {
      const { kind } = path.dataset;
      const bars = this.ticks.map((tick, index) => {
        const height = tick[kind] ? Math.max(1.5, (16 * tick[kind]) / most) : kind === "calls" ? 0.5 : 0;
        return `M${3 * (offset + index) + 1} 16v${-height}`;
      });
      path.setAttribute("d", bars.join(""));
    }
  }
}

export const enhanceLive = (element) => new Live(element);
