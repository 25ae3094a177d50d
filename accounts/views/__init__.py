"""Pages about the person: opening an account, signing in and out, the profile."""
