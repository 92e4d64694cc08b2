"""What it was measured on."""

import os
import platform
import re
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from .cluster import SETTINGS, Cluster

SYNCS = 50


def facts(cluster: Cluster, binary: Path) -> str:
    """One line for the machine, one for the programs."""
    model = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = re.search(r"^MemTotal:\s+(\d+) kB$", Path("/proc/meminfo").read_text(), re.MULTILINE)
    kind = subprocess.run(["stat", "-f", "-c", "%T", cluster.folder], capture_output=True, text=True).stdout.strip()
    version = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=30).stdout.strip()
    [postgres] = cluster.sql("SHOW server_version")
    named = "shared_buffers", "max_wal_size", "checkpoint_timeout"
    settings = ", ".join(f"{name} {SETTINGS[name]}" for name in named)
    return (
        f"{model.group(1) if model else platform.machine()}, {os.cpu_count()} cores, "
        f"{int(memory.group(1)) / 2**20:.0f} GiB of memory, Linux {platform.release().partition('-')[0]}, {kind}; fdatasync of a page "
        f"{fdatasync(cluster.folder.parent):.2f} ms (median of {SYNCS}); load {os.getloadavg()[0]:.1f}\n"
        f"{version}; Postgres {postgres}, fsync on, {settings}"
    )


def fdatasync(folder: Path) -> float:
    """Milliseconds, of a page that is written over."""
    times = []
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        for _ in range(SYNCS):
            file.seek(0)
            file.write(os.urandom(8192))
            started = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)
