"""What staff look at first."""
