"""Where things are: defaults lie in the home folder, typing slips are refused."""

from pathlib import Path

import pytest

from eventlog.errors import SettingsError
from serving.settings import KNOWN, Settings


def test_defaults_lie_in_the_home_folder(tmp_path):
    settings = Settings.from_env({"DUECAST_HOME": str(tmp_path)})
    assert settings == Settings(
        home=tmp_path,
        store_url=f"sqlite:///{tmp_path.as_posix()}/duecast.db",
        tracking_uri=f"sqlite:///{tmp_path.as_posix()}/mlruns/mlflow.db",
        policy_path=None,
    )


def test_home_is_the_working_directory_unless_stated(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Settings.from_env({}).home == Path.cwd()


def test_a_policy_file_in_the_home_folder_is_taken(tmp_path):
    (tmp_path / "policy.toml").write_text("quiet_days = 3\n")
    settings = Settings.from_env({"DUECAST_HOME": str(tmp_path)})
    assert settings.policy_path == tmp_path / "policy.toml"


def test_stated_addresses_win_over_defaults(tmp_path):
    settings = Settings.from_env(
        {
            "DUECAST_HOME": str(tmp_path),
            "DUECAST_STORE": "postgresql://host/db",
            "DUECAST_POLICY": "/etc/policy.toml",
            "MLFLOW_TRACKING_URI": "http://models:5000",
        }
    )
    assert settings.store_url == "postgresql://host/db"
    assert settings.policy_path == Path("/etc/policy.toml")
    assert settings.tracking_uri == "http://models:5000"


def test_an_empty_variable_counts_as_not_set(tmp_path):
    environ = {"DUECAST_HOME": str(tmp_path), "DUECAST_STORE": "", "DUECAST_POLICY": ""}
    settings = Settings.from_env(environ)
    assert settings.store_url.endswith("/duecast.db")
    assert settings.policy_path is None


def test_a_typing_slip_is_refused_with_the_known_names():
    with pytest.raises(SettingsError, match="DUECAST_STOR'") as caught:
        Settings.from_env({"DUECAST_STOR": "x", "PATH": "/bin"})
    assert all(name in str(caught.value) for name in KNOWN)
    assert "PATH" not in str(caught.value)


def test_a_home_that_is_no_folder_is_refused(tmp_path):
    with pytest.raises(SettingsError, match=r"DUECAST_HOME .* not a folder"):
        Settings.from_env({"DUECAST_HOME": str(tmp_path / "nowhere")})
