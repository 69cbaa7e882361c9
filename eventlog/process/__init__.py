"""How the process runs: what follows what, how long it takes, and what money waits meanwhile."""
