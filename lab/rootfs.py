"""The node's Debian root file system, which also provides container images with programs and libraries."""

import platform
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from lab import environment
from lab.cache import Entry, digest
from lab.errors import LabError

SUITE = "bookworm"

#: Packages that kind's base image installs (containerd and the CNI plugins in Debian's versions), and the
#: packages that container images take programs from. Source: kind v0.33.0, images/base/Dockerfile.
PACKAGES = (
    "systemd", "dbus", "conntrack", "iptables", "nftables", "iproute2", "ethtool", "util-linux", "mount",
    "kmod", "libseccomp2", "pigz", "bash", "ca-certificates", "curl", "jq", "procps", "socat",
    "containerd", "runc", "containernetworking-plugins", "nginx", "busybox",
    "python3-minimal", "libpython3.11-stdlib",
)  # fmt: skip

#: Removes the units that don't work in a container, like kind's base image.
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
    """Return the cache entry, keyed by this file; the installed package versions are only recorded."""
    return Entry(root, "rootfs", digest(Path(__file__).read_bytes(), platform.machine()))


def build(folder: Path) -> None:
    """Build rootfs.tar and packages.txt. Raises LabError with mmdebstrap's output if that fails."""
    hook = folder / "prune.sh"
    hook.write_text(PRUNE)
    excluded = [
        f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "locale", "info", "i18n")
    ]
    scratch = folder / "scratch"
    scratch.mkdir()
    ran = environment.run(
        [
            "mmdebstrap", "--variant=minbase", "--mode=root", "--format=tar",
            "--aptopt=APT::Install-Recommends \"false\"", "--aptopt=Acquire::Languages \"none\"",
            "--dpkgopt=force-unsafe-io", *excluded, f"--include={','.join(PACKAGES)}",
            f"--customize-hook=sh {hook} \"$1\"", SUITE, str(folder / "rootfs.tar"),
        ],
        # The chroot is in the partial cache entry, so that a kill leaves nothing elsewhere.
        env=environment.for_registries() | {"TMPDIR": str(scratch)},
    )  # fmt: skip
    hook.unlink()
    shutil.rmtree(scratch)
    if ran.returncode:
        raise LabError(f"mmdebstrap failed to install the node's Debian packages:\n{ran.stderr[-2000:]}")
    with (folder / "packages.txt").open("wb") as recorded:
        subprocess.run(
            ["tar", "-xOf", str(folder / "rootfs.tar"), "./usr/share/lab-packages.txt"],
            stdout=recorded,
            check=True,
        )


def unpack(tarball: Path, folder: Path) -> Path:
    """Unpack the root file system for reading. Raises OSError or CalledProcessError on failure."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    subprocess.run(["tar", "-xf", str(tarball), "-C", str(folder), "--exclude=./dev/*"], check=True)
    return folder


def libraries(rootfs: Path, program: Path) -> set[str]:
    """Return the shared libraries that a program needs, as absolute paths in the root file system."""
    loader = "/lib64/ld-linux-x86-64.so.2"
    inside = "/" + str(program.relative_to(rootfs))
    ran = subprocess.run(
        ["chroot", str(rootfs), loader, "--list", inside], text=True, capture_output=True, check=False
    )
    if ran.returncode:
        if "not a dynamic executable" in ran.stderr or "statically linked" in ran.stderr + ran.stdout:
            return set()
        raise LabError(
            f"{inside} needs a library that the node's root file system lacks: "
            f"{ran.stderr.strip()}{ran.stdout}"
        )
    found = {loader}
    for line in ran.stdout.splitlines():
        words = line.split()
        found.update(word for word in words if word.startswith("/"))
    return found


def with_libraries(rootfs: Path, paths: Iterable[str]) -> set[str]:
    """Return the paths and every library that they need. Raises LabError if a library is missing."""
    wanted = set(paths)
    for path in list(wanted):
        wanted |= libraries(rootfs, rootfs / path.lstrip("/"))
    return wanted
