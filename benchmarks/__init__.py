"""Where time and memory go; run by hand, never as tests."""
