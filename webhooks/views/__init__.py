"""Pages of webhooks. Each loads its rows through the tenancy gate, makes one call into the domain and answers."""
