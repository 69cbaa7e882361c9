"""What to do about it: scores, reasons and the ranked worklist."""
