"""People over REST: /api/v1/auth and /api/v1/users."""
