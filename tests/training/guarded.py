"""A guard against pickles: ``python -m tests.training.guarded SCRIPT ARGUMENT …`` runs a script.

Every way of the standard library, joblib and cloudpickle into a pickle raises, and so does the
interpreter's own audit event of a pickle that names a class. Whatever was refused is also written
to the file that GUARD_REPORT names, in case somebody swallows the error.

One reader is let through: numba, for the machine code of our own compiled functions.
``numba/core/caching.py`` keeps it beside its source in ``__pycache__`` (or in NUMBA_CACHE_DIR) and
indexes it with pickles; ``numba/core/serialize.py`` reads the Python objects that the machine code
holds as constants. Both are made on this machine from our code, like a ``.pyc``, are no part of a
model, and are never copied with one. The report counts how often that happened.
"""

from __future__ import annotations

import _pickle
import json
import os
import pickle  # noqa: TID251 - to close its doors
import runpy
import sys
from pathlib import Path
from typing import Any

#: The files of numba that read our own compiled code.
COMPILED_CODE = tuple(str(Path("numba", "core", name)) for name in ("caching.py", "serialize.py"))


class UnpicklingError(RuntimeError):
    """Somebody reads a pickle."""


class Guard:
    """What was refused, where it was asked for, and how often numba read compiled code."""

    def __init__(self) -> None:
        self.refused: list[str] = []
        self.compiled_code = 0

    def check(self, what: str) -> None:
        """Raise, unless numba asks for compiled code."""
        frame, stack = sys._getframe(1), []
        while frame is not None:
            stack.append(f"{frame.f_code.co_filename}:{frame.f_lineno}")
            if frame.f_code.co_filename.endswith(COMPILED_CODE):
                self.compiled_code += 1
                return
            frame = frame.f_back
        self.refused.append(f"{what} at {stack[2:6]}")
        raise UnpicklingError(self.refused[-1])

    def audit(self, event: str, _: tuple[Any, ...]) -> None:
        """The interpreter's hook."""
        if event == "pickle.find_class":
            self.check(event)

    def function(self, name: str, real: Any) -> Any:
        """A function that asks the guard first."""

        def guarded(*values: Any, **named: Any) -> Any:
            self.check(name)
            return real(*values, **named)

        return guarded

    def reader(self, name: str, real: type) -> type:
        """A class of readers that asks the guard before it reads."""
        guard = self

        class Guarded(real):  # type: ignore[misc, valid-type]
            def load(self) -> Any:
                guard.check(f"{name}.load")
                return super().load()

        Guarded.__name__ = real.__name__
        return Guarded

    def install(self) -> None:
        """Guard every door; to be called before anything else is imported."""
        sys.addaudithook(self.audit)
        for module in (pickle, _pickle):
            for name in ("load", "loads", "_load", "_loads"):
                if hasattr(module, name):
                    guarded = self.function(f"pickle.{name}", getattr(module, name))
                    setattr(module, name, guarded)
            for name in ("Unpickler", "_Unpickler"):
                if hasattr(module, name):
                    setattr(module, name, self.reader(f"pickle.{name}", getattr(module, name)))
        import cloudpickle  # noqa: PLC0415 - after the doors that it takes over
        import joblib  # noqa: PLC0415

        joblib.load = self.function("joblib.load", joblib.load)
        for name in ("load", "loads"):
            real = getattr(cloudpickle, name)
            setattr(cloudpickle, name, self.function(f"cloudpickle.{name}", real))


if __name__ == "__main__":
    guard = Guard()
    guard.install()
    sys.argv = sys.argv[1:]
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    finally:
        report = {"refused": guard.refused, "compiled_code": guard.compiled_code}
        Path(os.environ["GUARD_REPORT"]).write_text(json.dumps(report), encoding="utf-8")
