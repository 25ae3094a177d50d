"""Demo data of the embedded run: people, organizations, keys, an API, and a month of calls."""
