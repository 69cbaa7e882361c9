"""Which version serves: champion, challenger, previous; and the record of who decided why.

The alias ``champion`` is moved last, so whatever kills a promotion leaves the champion as it was or
as it is to be. Every decision, also a refusal, is a run of its own that nothing changes later.
"""

from __future__ import annotations

import json
from typing import Any

from eventlog.errors import NotReadyError
from training.promotion import Decision
from training.registry import Registry, Version, find_version, model_name, versions


def appoint(
    registry: Registry, version: Version, decision: Decision | None, reason: str, override: str = ""
) -> None:
    """Make a version the champion; the one before becomes ``previous``.

    Parameters
    ----------
    decision : Decision or None
        What the checks found; None where a version is restored.
    reason : str
        Goes on record with the version.
    override : str
        Why it serves although the checks object; "" where they do not.
    """
    client, name = registry.client, model_name(version.target)
    before = holder(registry, version.target, "champion")
    if decision is not None:
        record(registry, decision, "overridden" if override else "accepted", override or reason)
    said = f"override: {override}" if override else reason
    client.set_model_version_tag(name, version.version, "promoted_because", said)
    if before is not None and before.version != version.version:
        client.set_registered_model_alias(name, "previous", before.version)
    client.set_registered_model_alias(name, "champion", version.version)
    waiting = holder(registry, version.target, "challenger")
    if waiting is not None and waiting.version == version.version:
        client.delete_registered_model_alias(name, "challenger")


def holder(registry: Registry, target: str, alias: str) -> Version | None:
    """The version of a target that holds an alias; None if there is none."""
    found = [v for v in versions(registry) if v.target == target and alias in v.aliases]
    return found[0] if found else None


def roll_back(registry: Registry, target: str, reason: str) -> tuple[Version, Version]:
    """Make the previous champion serve again.

    Returns
    -------
    restored, replaced : Version
        `replaced` has no alias any more; a second rollback needs a second promotion.

    Raises
    ------
    NotReadyError
        If no version served before.
    """
    replaced, restored = (
        holder(registry, target, "champion"),
        holder(registry, target, "previous"),
    )
    if replaced is None or restored is None or restored.version == replaced.version:
        raise NotReadyError(
            f"No version of {target} served before the present champion, so there is nothing to go "
            "back to. `duecast models` lists the versions, `duecast promote` makes one serve."
        )
    client, name = registry.client, model_name(target)
    _record(
        registry,
        f"rollback {target}",
        {
            "target": target,
            "decision": "rolled back",
            "from_version": replaced.version,
            "to_version": restored.version,
            "reason": reason,
        },
    )
    client.set_model_version_tag(name, replaced.version, "rolled_back_because", reason)
    client.set_registered_model_alias(name, "champion", restored.version)
    client.delete_registered_model_alias(name, "previous")
    return find_version(registry, target, restored.version), replaced


def record(registry: Registry, decision: Decision, outcome: str, reason: str) -> str:
    """Log a decision with its checks; returns the run's id.

    Parameters
    ----------
    outcome : {'accepted', 'overridden', 'refused'}
    """
    said = {
        "target": decision.target,
        "decision": outcome,
        "version": decision.version,
        "champion_before": decision.champion,
        "reason": reason,
        "compared": decision.compared,
        "since": decision.since,
        "until": decision.until,
        "n": decision.n,
    }
    return _record(registry, f"promotion {decision.target}", said, decision.as_dict())


def _record(
    registry: Registry, name: str, said: dict[str, Any], document: dict[str, Any] | None = None
) -> str:
    client = registry.client
    tags = {"kind": "decision", "target": str(said["target"])}
    run_id = str(client.create_run(registry.experiment_id, run_name=name, tags=tags).info.run_id)
    for key, value in said.items():
        client.log_param(run_id, key, str(value)[:6000])
    if document is not None:
        client.log_text(run_id, json.dumps(document, indent=1, default=str), "decision.json")
    client.set_terminated(run_id, "FINISHED")
    return run_id
