"""The usage stream and what is read from it: events, routes, latency buckets, tallies. No database here."""
