"""What the endpoints of accounts take and give, a module for each noun."""
