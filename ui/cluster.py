"""Where the work is done: on a cluster of this machine's processes, or on one elsewhere."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import lightgbm as lgb
from distributed import Client, LocalCluster, Worker, WorkerPlugin

from eventlog.errors import NotFoundError, SettingsError
from eventlog.log import EventLog
from eventlog.partitions import is_partitioned, open_partitions, write_partitions
from features.partitions import PartitionedLog

#: Seconds to wait for a scheduler, and for its first worker.
PATIENCE = 20


@contextmanager
def partitioned_log(
    scheduler: str, source: str, read: Callable[[], EventLog]
) -> Iterator[PartitionedLog]:
    """A log in partitions together with the cluster that works on it.

    Parameters
    ----------
    scheduler : str
        ``local``: one worker process a core, which end with the work. Otherwise the address of a
        Dask scheduler, such as ``tcp://10.0.0.5:8786``; its workers have to see the same files.
    source : str
        LOG as given. With ``local`` it may be any log: it then is partitioned into a temporary
        folder.
    read : callable
        Reads LOG where it is not in partitions yet.

    Raises
    ------
    SettingsError
        If the scheduler is neither, does not answer or has no worker, or if the log is not in
        partitions.
    """
    is_file = "://" not in source
    in_partitions = is_file and is_partitioned(source)
    if is_file and not Path(source).exists():
        raise NotFoundError(f"There is no log at {source}. Check the path.")
    with ExitStack() as stack:
        client = stack.enter_context(_connected(scheduler))
        if in_partitions:
            partitions = open_partitions(Path(source).resolve())
        elif scheduler == "local":
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="duecast-")))
            n_parts = 4 * len(client.scheduler_info()["workers"])
            partitions = write_partitions(read(), folder / "log", n_parts)
        else:
            raise SettingsError(
                f"LOG is not in partitions, so the workers of {scheduler} cannot share it out. Run "
                "`duecast partition LOG FOLDER` into a folder that they see, and give that folder "
                "as LOG."
            )
        yield PartitionedLog(client, partitions)


class _Silent(WorkerPlugin):
    """Worker processes of ours print nothing: LightGBM tells of its sockets on standard output."""

    def setup(self, worker: Worker) -> None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


@contextmanager
def _connected(scheduler: str) -> Iterator[Client]:
    for name in ("distributed", "lightgbm"):
        logging.getLogger(name).setLevel(logging.ERROR)
    lgb.register_logger(logging.getLogger("lightgbm"))
    if scheduler == "local":
        with (
            LocalCluster(
                n_workers=os.cpu_count() or 1,
                threads_per_worker=1,
                processes=True,
                dashboard_address=None,
                silence_logs=logging.CRITICAL,
            ) as cluster,
            Client(cluster) as client,
        ):
            client.register_plugin(_Silent())
            yield client
        return
    if "://" not in scheduler:
        raise SettingsError(
            f"--scheduler is '{scheduler}', which is neither 'local' nor an address such as "
            "tcp://10.0.0.5:8786."
        )
    try:
        client = Client(scheduler, timeout=PATIENCE)
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"No Dask scheduler answers at {scheduler}: {error}. Start one with `dask scheduler` "
            "and workers with `dask worker`, or use --scheduler local."
        ) from error
    with client:
        try:
            client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError as error:
            raise SettingsError(
                f"The scheduler at {scheduler} has no workers. Start some with "
                f"`dask worker {scheduler}`."
            ) from error
        yield client
