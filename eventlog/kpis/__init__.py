"""The dashboards' figures: what each is, and how it is computed from a log as of a cutoff."""
