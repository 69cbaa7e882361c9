"""How much memory a stretch of code takes beyond what the process holds already (Linux)."""

from __future__ import annotations

import ctypes
import gc
import threading
from pathlib import Path
from types import TracebackType

PAUSE = 0.02


def resident_mb() -> float:
    """Resident memory of this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return float("nan")


class Peak:
    """Highest resident memory within a `with` block, less that at its begin.

    Sampled every 20 ms from a thread, not `ru_maxrss`: that one never falls, so making and
    loading the data would hide what comes after.

    Attributes
    ----------
    megabytes : float
        Known after the block.
    """

    def __init__(self) -> None:
        self.megabytes = float("nan")
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Peak:
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)  # what was freed while loading must not count as held
        self._before = self._highest = resident_mb()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._highest = max(self._highest, resident_mb())
        self._over.set()
        self._thread.join()
        self.megabytes = self._highest - self._before

    def _watch(self) -> None:
        while not self._over.wait(PAUSE):
            self._highest = max(self._highest, resident_mb())
