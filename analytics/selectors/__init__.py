"""The questions about usage: series, totals, the last minute, single calls."""
