"""Settings: where the store, the models and the policy are, read once from the environment.

Entry points (the command line, the pages) call `Settings.from_env` and hand the result down; no
other module looks at the environment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from eventlog.errors import SettingsError

#: Environment variable -> what it sets, for the documentation and for error messages.
KNOWN = {
    "DUECAST_HOME": "folder of the store, the models and the policy file",
    "DUECAST_STORE": "database URL of the scores, SQLite or PostgreSQL",
    "DUECAST_POLICY": "path of the policy file",
}


@dataclass(frozen=True, slots=True)
class Settings:
    """Where things are.

    Attributes
    ----------
    home : Path
        Folder that the defaults below lie in.
    store_url : str
        Database URL of the scores.
    tracking_uri : str
        Where MLflow keeps runs and models.
    policy_path : Path or None
        None where there is no policy file: the policy's defaults hold.
    """

    home: Path
    store_url: str
    tracking_uri: str
    policy_path: Path | None

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """Read the settings; an empty variable counts as not set.

        Parameters
        ----------
        environ : mapping of str to str
            Usually ``os.environ``. ``DUECAST_HOME`` (default: the working directory),
            ``DUECAST_STORE``, ``DUECAST_POLICY`` and ``MLFLOW_TRACKING_URI`` are read.

        Raises
        ------
        SettingsError
            If a ``DUECAST_`` variable is not known, or ``DUECAST_HOME`` is not a folder.
        """
        unknown = sorted(name for name in environ if name.startswith("DUECAST_"))
        unknown = [name for name in unknown if name not in KNOWN]
        if unknown:
            raise SettingsError(
                f"The environment sets {unknown}, which duecast does not know. "
                f"Known are {sorted(KNOWN)}. Mend or unset them."
            )
        home = Path(environ.get("DUECAST_HOME") or Path.cwd()).expanduser().resolve()
        if not home.is_dir():
            raise SettingsError(
                f"DUECAST_HOME names {home}, which is not a folder. Create it or change the "
                "variable."
            )
        stated = environ.get("DUECAST_POLICY")
        usual = home / "policy.toml"
        return cls(
            home=home,
            store_url=environ.get("DUECAST_STORE") or _sqlite(home / "duecast.db"),
            tracking_uri=environ.get("MLFLOW_TRACKING_URI")
            or _sqlite(home / "mlruns" / "mlflow.db"),
            policy_path=Path(stated).expanduser()
            if stated
            else (usual if usual.is_file() else None),
        )


def _sqlite(path: Path) -> str:
    return f"sqlite:///{path.as_posix()}"
