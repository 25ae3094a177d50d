"""Django's own backend for PostgreSQL, with connections that notice a server which hangs."""
