// What somebody writes with the generated types: create a key, walk through a list, read an error.
import createClient from "openapi-fetch";
import type { paths } from "./schema.js";

const [baseUrl, token] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token}` } });

const made = await client.POST("/api/v1/api-keys", { body: { name: "From TypeScript", environment: "test" } });
if (!made.data) throw new Error(JSON.stringify(made.error));

const ids: number[] = [];
let cursor: string | undefined;
do {
  const page = await client.GET("/api/v1/api-keys", { params: { query: { limit: 1, cursor } } });
  if (!page.data) throw new Error(JSON.stringify(page.error));
  ids.push(...page.data.data.map((key) => key.id));
  cursor = page.data.next_cursor ?? undefined;
} while (cursor);

const missing = await client.GET("/api/v1/api-keys/{id}", { params: { path: { id: 999999999 } } });
console.log(JSON.stringify({ made: made.data.id, key: made.data.key, ids, code: missing.error?.code }));
