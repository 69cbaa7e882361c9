"""Versions registered for tests."""

from tests.training.company import trained
from training.appointments import appoint
from training.registry import register


def add(registry, target="still_open", **more):
    model, _ = trained(target)
    options = {"parameters": {}, "metrics": {}, "tags": {}, "files": {}} | more
    return register(registry, model, **options)


def serve(registry, target="still_open", **more):
    """Register a version and make it the champion."""
    version = add(registry, target, **more)
    appoint(registry, version, None, "a test")
    return version
