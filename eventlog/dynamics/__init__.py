"""Dynamics 365 Finance: its exported tables, the events in them, and a synthetic company's tables."""
