"""The usage stream and the access log, and what is read from them: events, routes, tallies. No database here."""
