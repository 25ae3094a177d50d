// The API-key plugin of better-auth behind Node's own HTTP server: it verifies the key of each request, as its
// documentation shows. STORAGE is memory, postgres or redis; the keys made at the start are written to KEYS_FILE.
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";

import { apiKey } from "@better-auth/api-key";
import { betterAuth } from "better-auth";
import { memoryAdapter } from "better-auth/adapters/memory";
import { getMigrations } from "better-auth/db/migration";
import pg from "pg";
import { createClient } from "redis";

const { STORAGE, PORT, KEYS, KEYS_FILE, DATABASE_URL, REDIS_URL } = process.env;

async function secondaryStorage() {
  const client = await createClient({ url: REDIS_URL }).connect();
  return {
    get: (key) => client.get(key),
    set: (key, value, ttl) => (ttl ? client.set(key, value, { EX: Math.ceil(ttl) }) : client.set(key, value)),
    delete: (key) => client.del(key),
  };
}

const options = {
  secret: "a-secret-of-no-value-for-the-benchmark-only",
  baseURL: `http://127.0.0.1:${PORT}`,
  database:
    STORAGE === "memory"
      ? memoryAdapter({ user: [], session: [], account: [], verification: [], apikey: [] })
      : new pg.Pool({ connectionString: DATABASE_URL, max: 16 }),
  emailAndPassword: { enabled: true },
  logger: { level: "error" },
  telemetry: { enabled: false },
  ...(STORAGE === "redis" && { secondaryStorage: await secondaryStorage() }),
  plugins: [
    apiKey({
      ...(STORAGE === "redis" && { storage: "secondary-storage" }),
      rateLimit: { enabled: true, timeWindow: 1000, maxRequests: 1_000_000_000 },
    }),
  ],
};
if (STORAGE !== "memory") await (await getMigrations(options)).runMigrations();

const auth = betterAuth(options);
const body = { email: "bench@example.test", password: "four unrelated words", name: "Bench" };
const { user } = await auth.api.signUpEmail({ body });
const secrets = [];
for (let number = 0; number < Number(KEYS); number++) {
  secrets.push((await auth.api.createApiKey({ body: { name: `key ${number}`, userId: user.id } })).key);
}
writeFileSync(KEYS_FILE, secrets.join("\n"));

createServer(async (request, response) => {
  const { valid } = await auth.api.verifyApiKey({ body: { key: request.headers["x-api-key"] ?? "" } });
  response.writeHead(valid ? 204 : 401).end();
}).listen(Number(PORT), "127.0.0.1");
