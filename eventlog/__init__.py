"""What happened: the event log of a credit-to-cash process and the ledger read from it."""
