"""What tends to follow: labels, models and how far to trust them."""
