"""The verbs of usage: partitioning, ingestion, reports of the proxy, rebuilding."""
