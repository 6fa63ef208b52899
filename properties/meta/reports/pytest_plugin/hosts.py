"""Hosts of a network, as network namespaces of this machine: each with its own address and sshd.

They share the machine's files and processors; a host has its own folder, and a processor if it
is pinned to one. Needs root, and the commands `ip`, `sshd`, `ssh` and `rsync`.
"""

import itertools
import os
import shutil
import signal
import string
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import frostproof

CHECKOUT = Path(frostproof.__file__).parent
COMMANDS = ("ip", "/usr/sbin/sshd", "ssh", "ssh-keygen", "rsync", "taskset")
#: Why there can be no such hosts here, or None.
MISSING = (
    "needs root"
    if os.geteuid()
    else next((f"needs {name}" for name in COMMANDS if shutil.which(name) is None), None)
)


_LETTERS = itertools.cycle(string.ascii_lowercase)


def run(*words):
    subprocess.run([str(word) for word in words], check=True, stdout=subprocess.DEVNULL)


@dataclass
class Host:
    name: str
    address: str
    folder: Path
    ssh_config: Path

    @property
    def place(self):
        """What pytest-xdist calls it by."""
        options = f"ssh_config={self.ssh_config}//python={sys.executable}//chdir={self.folder}"
        return f"ssh={self.address}//{options}"

    def synchronise(self, *sources):
        """Bring it the package, and other files, over ssh."""
        ssh = f"ssh -F {self.ssh_config}"
        excluded = (
            "--exclude=.venv",
            "--exclude=.git",
            "--exclude=__pycache__",
            "--exclude=.mypy*",
        )
        # By the name of the package, whatever that of the checkout is.
        into = {f"{CHECKOUT}/": self.folder / "frostproof"} | dict.fromkeys(sources, self.folder)
        for source, folder in into.items():
            run("rsync", "-a", *excluded, "-e", ssh, source, f"{self.address}:{folder}/")

    def processes(self):
        found = subprocess.run(["ip", "netns", "pids", self.name], capture_output=True, text=True)
        return [int(pid) for pid in found.stdout.split()]

    def die(self):
        """Be cut off from the network at once, without a word; then its processes are gone, too."""
        run("ip", "-n", self.name, "link", "set", "eth0", "down")
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)


@contextmanager
def network(folder, cores):
    """Make a host for each core (None: any) on their own network, and take them down again."""
    with ExitStack() as stack:
        # The name of an interface has at most 15 characters; and one that is taken down goes late.
        mark = f"fp{os.getpid() % 10000}{next(_LETTERS)}"
        subnet = f"10.{os.getpid() % 200 + 20}.77"
        for name in ("client", "host"):
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name)
        Path("/run/sshd").mkdir(exist_ok=True)
        run("ip", "link", "add", mark, "type", "bridge")
        stack.callback(run, "ip", "link", "del", mark)
        run("ip", "addr", "add", f"{subnet}.1/24", "dev", mark)
        run("ip", "link", "set", mark, "up")
        config = folder / "ssh_config"
        config.write_text(
            f"Host {subnet}.*\n  User root\n  IdentityFile {folder}/client\n  IdentitiesOnly yes\n"
            "  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n  LogLevel ERROR\n"
            "  ConnectTimeout 5\n  ServerAliveInterval 2\n  ServerAliveCountMax 2\n"
        )
        hosts = []
        for number, core in enumerate(cores, 2):
            host = Host(f"{mark}-{number}", f"{subnet}.{number}", folder / str(number), config)
            host.folder.mkdir()
            run("ip", "netns", "add", host.name)
            stack.callback(_take_down, host)
            run("ip", "link", "add", host.name, "type", "veth", "peer", "eth0", "netns", host.name)
            run("ip", "link", "set", host.name, "master", mark, "up")
            run("ip", "-n", host.name, "addr", "add", f"{host.address}/24", "dev", "eth0")
            for device in ("eth0", "lo"):
                run("ip", "-n", host.name, "link", "set", device, "up")
            options = {
                "ListenAddress": host.address,
                "HostKey": folder / "host",
                "AuthorizedKeysFile": folder / "client.pub",
                "PidFile": "none",
                "StrictModes": "no",
                "UsePAM": "no",
                "PermitRootLogin": "prohibit-password",
            }
            words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
            pinned = () if core is None else ("taskset", "-c", core)
            run(
                "ip",
                "netns",
                "exec",
                host.name,
                *pinned,
                "/usr/sbin/sshd",
                "-f",
                "/dev/null",
                *words,
            )
            hosts.append(host)
        yield hosts


def _take_down(host):
    for pid in host.processes():
        os.kill(pid, signal.SIGKILL)
    run("ip", "netns", "del", host.name)
