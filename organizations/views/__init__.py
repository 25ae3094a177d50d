"""Pages of organizations. Each makes one call into the domain and answers."""
