"""The gate: answers "may this call pass?" in front of Django, in the same process and on the same port.

The core (limits, routes, records, decision, answers, leases, link, store, engine) knows neither Django nor a server;
`protocol`, `app` and the DRF classes beside this package are its front ends; `configuration` alone reads settings.
"""
