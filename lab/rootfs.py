"""The Debian root file system that the node is made of, and what containers take from it."""

import platform
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from lab import environment
from lab.cache import Entry, digest
from lab.errors import LabError

SUITE = "bookworm"

#: What kind's own base image installs, containerd and CNI plugins as Debian packages them, and what the
#: containers take their programs from. kind v0.30.0, images/base/Dockerfile.
PACKAGES = (
    "systemd", "dbus", "conntrack", "iptables", "nftables", "iproute2", "ethtool", "util-linux", "mount",
    "kmod", "libseccomp2", "pigz", "bash", "ca-certificates", "curl", "jq", "procps", "socat",
    "containerd", "runc", "containernetworking-plugins", "nginx", "busybox",
    "python3-minimal", "libpython3.11-stdlib",
)  # fmt: skip

#: Units that make no sense in a container, as kind's base image removes them.
PRUNE = r"""
set -eu
cd "$1"
rm -f lib/systemd/system/sysinit.target.wants/systemd-tmpfiles-setup.service
rm -f lib/systemd/system/multi-user.target.wants/* etc/systemd/system/*.wants/*
rm -f lib/systemd/system/local-fs.target.wants/*
rm -f lib/systemd/system/sockets.target.wants/*udev* lib/systemd/system/sockets.target.wants/*initctl*
rm -f lib/systemd/system/basic.target.wants/*
echo ReadKMsg=no >> etc/systemd/journald.conf
ln -sf /lib/systemd/systemd sbin/init
ln -sf /dev/null etc/systemd/system/systemd-binfmt.service
ln -sf /usr/bin/containerd usr/local/bin/containerd
mkdir -p opt/cni etc/kubernetes/manifests
ln -sfn /usr/lib/cni opt/cni/bin
rm -rf var/cache/* var/log/* usr/share/doc usr/share/man usr/share/locale
mkdir -p var/log/nginx
dpkg-query --admindir=var/lib/dpkg -W > usr/share/lab-packages.txt
"""


def entry(root: Path) -> Entry:
    """Keyed by the packages' names and this file; the versions that Debian gave are recorded, not keyed."""
    return Entry(root, "rootfs", digest(Path(__file__).read_bytes(), platform.machine()))


def build(folder: Path) -> None:
    """Make rootfs.tar and packages.txt; LabError with mmdebstrap's words where that fails."""
    hook = folder / "prune.sh"
    hook.write_text(PRUNE)
    excluded = [
        f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "locale", "info", "i18n")
    ]
    scratch = folder / "scratch"
    scratch.mkdir()
    ran = subprocess.run(
        environment.ending_with_us([
            "mmdebstrap", "--variant=minbase", "--mode=root", "--format=tar",
            "--aptopt=APT::Install-Recommends \"false\"", "--aptopt=Acquire::Languages \"none\"",
            "--dpkgopt=force-unsafe-io", *excluded, f"--include={','.join(PACKAGES)}",
            f"--customize-hook=sh {hook} \"$1\"", SUITE, str(folder / "rootfs.tar"),
        ]),
        # Its chroot lies in the cache entry in the making, so that a kill leaves nothing elsewhere.
        env=environment.for_registries() | {"TMPDIR": str(scratch)},
        text=True, capture_output=True, check=False,
    )  # fmt: skip
    hook.unlink()
    shutil.rmtree(scratch)
    if ran.returncode:
        raise LabError(f"Debian's packages for the node can't be had:\n{ran.stderr[-2000:]}")
    with (folder / "packages.txt").open("wb") as recorded:
        subprocess.run(
            ["tar", "-xOf", str(folder / "rootfs.tar"), "./usr/share/lab-packages.txt"],
            stdout=recorded,
            check=True,
        )


def unpack(tarball: Path, folder: Path) -> Path:
    """Unpack the root file system for reading; OSError or CalledProcessError where that fails."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    subprocess.run(["tar", "-xf", str(tarball), "-C", str(folder), "--exclude=./dev/*"], check=True)
    return folder


def libraries(rootfs: Path, program: Path) -> set[str]:
    """Absolute paths, inside the root file system, of the shared libraries that a program there needs."""
    loader = "/lib64/ld-linux-x86-64.so.2"
    inside = "/" + str(program.relative_to(rootfs))
    ran = subprocess.run(
        ["chroot", str(rootfs), loader, "--list", inside], text=True, capture_output=True, check=False
    )
    if ran.returncode:
        if "not a dynamic executable" in ran.stderr or "statically linked" in ran.stderr + ran.stdout:
            return set()
        raise LabError(
            f"{inside} needs a library that the node's Debian lacks: {ran.stderr.strip()}{ran.stdout}"
        )
    found = {loader}
    for line in ran.stdout.splitlines():
        words = line.split()
        found.update(word for word in words if word.startswith("/"))
    return found


def with_libraries(rootfs: Path, paths: Iterable[str]) -> set[str]:
    """The named paths and every library that they need; LabError where one can't be had."""
    wanted = set(paths)
    for path in list(wanted):
        wanted |= libraries(rootfs, rootfs / path.lstrip("/"))
    return wanted
