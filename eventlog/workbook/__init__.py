"""Excel workbooks: the template that is written, and the sheets that are read."""
