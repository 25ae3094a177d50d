"""Demo data of the embedded run: people, organizations, webhooks, keys, an API, and a month of calls."""
