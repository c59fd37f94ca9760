"""A Ray cluster of several nodes on this machine, each with a warehouse of its own."""

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

_PATIENCE_S = 120.0
_N_STARTS = 5
_OBJECT_STORE_BYTES = 80_000_000


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A running cluster.

    Attributes:
        address: Of its head.
        environment: What a process needs to join or to use it.
        nodes: The processes that hold the nodes up, the head first.
    """

    address: str
    environment: dict[str, str]
    nodes: tuple[subprocess.Popen[bytes], ...]


@contextmanager
def running_cluster(folder: Path, warehouses: Sequence[Path]) -> Iterator[Cluster]:
    """Start a node of one core for each warehouse; end them all.

    Args:
        folder: For Ray's files; short, as sockets lie in there.
        warehouses: What the nodes' workers take for theirs.
    """
    token = folder / "token"
    token.write_text(secrets.token_hex(32))
    environment = {
        **os.environ,
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    address = f"127.0.0.1:{_free_port()}"
    with ExitStack() as stack:
        nodes = []
        for number, warehouse in enumerate(warehouses):
            node = stack.enter_context(_node(folder, number, address, environment, warehouse))
            nodes.append(node)
        yield Cluster(address=address, environment=environment, nodes=tuple(nodes))


def _start(
    folder: Path, number: int, address: str, environment: dict[str, str], warehouse: Path
) -> subprocess.Popen[bytes]:
    head = ["--head", f"--port={address.rpartition(':')[2]}", "--include-dashboard=false"]
    head += ["--node-ip-address=127.0.0.1", f"--temp-dir={folder / 'ray'}"]
    flags = head if number == 0 else [f"--address={address}"]
    size = ["--num-cpus=1", f"--object-store-memory={_OBJECT_STORE_BYTES}"]
    ray = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block"]
    with (folder / f"{number}.log").open("wb") as log:
        return subprocess.Popen(
            [*ray, *flags, *size],
            env=environment | {"CAPPUCCINO_WAREHOUSE": str(warehouse)},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


@contextmanager
def _node(folder: Path, number: int, *how: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Keep a node up; Ray gives up one that a busy machine has not started within half a minute."""
    log = folder / f"{number}.log"
    for _ in range(_N_STARTS):
        node = _start(folder, number, *how)
        try:
            if _is_up(log, node):
                yield node
                return
        finally:
            _end(node)
    raise RuntimeError(f"Ray did not start: {log.read_text()}")


def _end(node: subprocess.Popen[bytes]) -> None:
    node.terminate()
    try:
        node.wait(_PATIENCE_S)
    finally:
        _kill_session(node)


def _kill_session(node: subprocess.Popen[bytes]) -> None:
    """End what is left of the session that was started for a node."""
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == node.pid:
                process.kill()
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue


def _is_up(log: Path, node: subprocess.Popen[bytes]) -> bool:
    while "Ray runtime started" not in log.read_text():
        if node.poll() is not None:
            return False
        time.sleep(0.1)
    return True


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
