"""A cluster on this machine, to try it and to test it: PostgreSQL, Spark's master, workers, Thrift.

It needs Debian's packages `postgresql`, `libpostgresql-jdbc-java` and a Java 17 runtime, and a
virtual environment with Spark (`make cluster` makes it). All listens on 127.0.0.1 alone.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final
from urllib.request import urlopen

from cluster.catalog import CATALOG
from cluster.session import STARTED_WITH

HOST: Final = "127.0.0.1"
POSTGRES_DRIVER: Final = Path("/usr/share/java/postgresql.jar")
START_SECONDS: Final = 120


class ClusterMissing(RuntimeError):
    """Something that the cluster needs is not on this machine. The message names it."""


@dataclass(frozen=True)
class Executor:
    """An executor: its tasks so far, the seconds they took, and the bytes that they shuffled."""

    number: str
    tasks: int
    task_seconds: float
    shuffled_bytes: int


class LocalCluster:
    """Starts everything on entry, and ends it on exit, by process id.

    ``folder`` gets the tables and logs; ``tools`` is the virtual environment with Spark.
    """

    def __init__(self, folder: Path, tools: Path, *, workers: int = 2) -> None:
        self.folder = folder
        self.worker_count = workers
        self._spark, self._jar = _spark_of(tools)
        self._processes: list[tuple[subprocess.Popen[bytes], signal.Signals]] = []
        self._workers: list[subprocess.Popen[bytes]] = []
        self._driver: subprocess.Popen[bytes] | None = None
        self._ports = {name: _free_port() for name in ("postgres", "master", "thrift", "ui")}
        self._database = Path()

    @property
    def _master(self) -> str:
        return f"spark://{HOST}:{self._ports['master']}"

    @property
    def variables(self) -> dict[str, str]:
        """The FOOTFALL_… variables of a site that builds here."""
        return {
            "FOOTFALL_ENGINE": "spark",
            "FOOTFALL_SPARK_HOST": HOST,
            "FOOTFALL_SPARK_PORT": str(self._ports["thrift"]),
            "FOOTFALL_ICEBERG_CATALOG": (
                f"postgresql+pg8000://postgres@{HOST}:{self._ports['postgres']}/iceberg"
            ),
            "FOOTFALL_ICEBERG_WAREHOUSE": (self.folder / "warehouse").as_uri(),
        }

    def __enter__(self) -> LocalCluster:
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            self._start_postgres()
            self._start(
                "master",
                [
                    *("spark-class", "org.apache.spark.deploy.master.Master", "-h", HOST),
                    *("-p", str(self._ports["master"]), "--webui-port", "0"),
                ],
            )
            self._await("the master", lambda: _answers(self._ports["master"]))
            for _ in range(self.worker_count):
                self.start_worker()
            self.start_thrift()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def start_worker(self) -> None:
        """Start a worker with one core."""
        number = len(self._workers) + 1
        self._workers.append(
            self._start(
                f"worker-{number}",
                [
                    *("spark-class", "org.apache.spark.deploy.worker.Worker", "-c", "1"),
                    *("-m", "2g", "-h", HOST, "--webui-port", "0"),
                    self._master,
                ],
            )
        )

    def start_thrift(self) -> None:
        """Start the Thrift server, which is Spark's driver."""
        self._driver = self._start("thrift", self._thrift())
        self._await("the Thrift server", lambda: _answers(self._ports["thrift"]))

    def kill_worker(self) -> None:
        """Kill the oldest worker, as a machine that fails; its executor ends with it."""
        _kill(next(each for each in self._workers if each.poll() is None))

    def kill_thrift(self) -> None:
        """Kill the Thrift server in the middle of what it does."""
        if self._driver is not None:
            _kill(self._driver)

    def executors(self) -> list[Executor]:
        """What each executor has done so far, lost ones too, by the API of Spark's driver."""
        address = f"http://{HOST}:{self._ports['ui']}/api/v1/applications"
        with urlopen(address, timeout=10) as answer:
            (application,) = json.load(answer)
        with urlopen(f"{address}/{application['id']}/allexecutors", timeout=10) as answer:
            found = json.load(answer)
        return [
            Executor(
                each["id"],
                each["completedTasks"],
                each["totalDuration"] / 1000,
                each["totalShuffleWrite"],
            )
            for each in found
            if each["id"] != "driver"
        ]

    def _start_postgres(self) -> None:
        programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        if not programs:
            raise ClusterMissing("PostgreSQL is missing: apt install postgresql")
        if not POSTGRES_DRIVER.exists():
            raise ClusterMissing("its driver is missing: apt install libpostgresql-jdbc-java")
        binaries = programs[-1].parent
        # PostgreSQL refuses to run as root, and its user may not enter a folder of root's.
        self._database = Path(tempfile.mkdtemp(prefix="footfall-catalog-"))
        how: list[str] = []
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")
            os.chown(self._database, account.pw_uid, account.pw_gid)
            how = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
        data, port = self._database / "data", self._ports["postgres"]
        subprocess.run(
            [*how, str(binaries / "initdb"), "-D", str(data), "-A", "trust", "-U", "postgres"],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd="/",
        )
        self._start(
            "postgres",
            [
                *(*how, str(binaries / "postgres"), "-D", str(data), "-p", str(port)),
                *("-c", f"listen_addresses={HOST}", "-k", str(self._database)),
            ],
            ends_by=signal.SIGINT,
        )
        self._await("PostgreSQL", lambda: _answers(port))
        create = [*how, str(binaries / "createdb"), "-h", HOST, "-p", str(port), "-U", "postgres"]
        for _ in range(20):
            if not subprocess.run([*create, "iceberg"], check=False, cwd="/").returncode:
                return
            time.sleep(0.5)
        raise ClusterMissing("PostgreSQL makes no database: look at its log")

    def _thrift(self) -> list[str]:
        jars = f"{self._jar}:{POSTGRES_DRIVER}:{_services(self.folder)}"
        configured = {
            **STARTED_WITH,
            f"spark.sql.catalog.{CATALOG}.uri": (
                f"jdbc:postgresql://{HOST}:{self._ports['postgres']}/iceberg"
            ),
            f"spark.sql.catalog.{CATALOG}.jdbc.user": "postgres",
            f"spark.sql.catalog.{CATALOG}.jdbc.password": "none",
            f"spark.sql.catalog.{CATALOG}.warehouse": (self.folder / "warehouse").as_uri(),
            "spark.executor.extraClassPath": jars,
            "spark.driver.host": HOST,
            "spark.driver.bindAddress": HOST,
            "spark.ui.port": str(self._ports["ui"]),
            "spark.sql.shuffle.partitions": str(self.worker_count),
            "spark.hive.server2.thrift.bind.host": HOST,
            "spark.hive.server2.thrift.port": str(self._ports["thrift"]),
        }
        options = [
            part for name, value in configured.items() for part in ("--conf", f"{name}={value}")
        ]
        return [
            *("spark-submit", "--master", self._master, "--driver-memory", "3g"),
            *("--executor-memory", "1500m", "--executor-cores", "1"),
            *("--driver-class-path", jars, *options),
            *("--class", "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2"),
            "spark-internal",
        ]

    def _start(
        self, name: str, command: Sequence[str], ends_by: signal.Signals = signal.SIGTERM
    ) -> subprocess.Popen[bytes]:
        program = (
            self._spark / "bin" / command[0] if command[0].startswith("spark-") else command[0]
        )
        environment = {
            **os.environ,
            "SPARK_HOME": str(self._spark),
            "SPARK_LOCAL_IP": HOST,
            "SPARK_NO_DAEMONIZE": "1",
            "SPARK_DAEMON_MEMORY": "512m",
            "SPARK_WORKER_DIR": str(self.folder / "work"),
            "SPARK_LOCAL_DIRS": str(self.folder / "spill"),
            "TZ": "UTC",
        }
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [program, *command[1:]],
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=self.folder if name != "postgres" else "/",
                start_new_session=True,
            )
        self._processes.append((process, ends_by))
        return process

    def _await(self, what: str, is_there: Callable[[], bool]) -> None:
        for _ in range(START_SECONDS * 2):
            if is_there():
                return
            if self._processes[-1][0].poll() is not None:
                break
            time.sleep(0.5)
        raise ClusterMissing(f"{what} does not answer: look at the logs in {self.folder}")

    def _stop(self) -> None:
        for process, ends_by in reversed(self._processes):
            if process.poll() is None:
                os.killpg(process.pid, ends_by)
                try:
                    process.wait(timeout=30)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
        self._processes.clear()
        if self._database != Path():
            shutil.rmtree(self._database, ignore_errors=True)


def _kill(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _spark_of(tools: Path) -> tuple[Path, Path]:
    """The home of Spark in a virtual environment, and the jar with Iceberg beside it."""
    packages = sorted(tools.glob("lib/python3*/site-packages"))
    homes = [each / "pyspark" for each in packages if (each / "pyspark").exists()]
    jars = [jar for each in packages for jar in each.glob("jsoniq/jars/rumbledb-*.jar")]
    if not homes or not jars:
        raise ClusterMissing(f"there is no Spark in {tools}: run make cluster, which installs it")
    if shutil.which("java") is None:
        raise ClusterMissing("Java is missing: apt install openjdk-17-jre-headless")
    return homes[0], jars[0]


def _services(folder: Path) -> Path:
    """A folder of the class path that names Iceberg's source, which the jar leaves out."""
    path = folder / "services"
    named = path / "META-INF" / "services" / "org.apache.spark.sql.sources.DataSourceRegister"
    named.parent.mkdir(parents=True, exist_ok=True)
    named.write_text("org.apache.iceberg.spark.source.IcebergSource\n")
    return path


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return int(listener.getsockname()[1])


def _answers(port: int) -> bool:
    try:
        with socket.create_connection((HOST, port), timeout=1):
            return True
    except OSError:
        return False
