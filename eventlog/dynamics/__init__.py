"""Dynamics 365 Finance: its exported tables, the events in them, a synthetic company's tables."""
