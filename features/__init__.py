"""What was known: features of an invoice at a moment."""
