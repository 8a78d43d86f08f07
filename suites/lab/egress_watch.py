"""Watches what leaves the machine: packets of the lab's ranges, and DNS queries for names of the lab.

A packet socket with a kernel filter sees what passed the firewall, even after source NAT, keeps up on a
loaded machine, and needs no external program.
"""

import contextlib
import ctypes
import socket
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network

from lab.errors import LabError
from lab.host import require_root

_ETH_P_ALL, _ETH_P_IP, _ETH_P_ARP = 0x0003, 0x0800, 0x0806
_SO_ATTACH_FILTER = 26
_SOL_PACKET, _PACKET_STATISTICS = 263, 6
_PROTOCOL = 0xFFFFF000  # SKF_AD_OFF + SKF_AD_PROTOCOL: the packet's protocol, kept beside it by the kernel

# Classic BPF: load a word or byte at an offset, mask, compare and jump, return how many bytes to keep.
_LD, _LDB, _AND, _JEQ, _RET = 0x20, 0x30, 0x54, 0x15, 0x06
_SOURCE, _DESTINATION, _TRANSPORT, _UDP = 12, 16, 9, 17
_ARP_SENDER, _ARP_TARGET = 14, 24


@dataclass(frozen=True, slots=True)
class Packet:
    """One captured packet: interface, both IPv4 addresses, and the first 2 kB from the network header on."""

    interface: str
    source: IPv4Address
    destination: IPv4Address
    data: bytes

    def __str__(self) -> str:
        """For example "eth0: 10.213.4.2 to 203.0.113.1"."""
        return f"{self.interface}: {self.source} to {self.destination}"


@dataclass(slots=True)
class Watch:
    """A capture on some interfaces; ``seen()`` returns the packets so far, oldest first."""

    names: tuple[str, ...]
    ranges: tuple[IPv4Network, ...]
    _ear: socket.socket
    _interfaces: tuple[str, ...]
    _packets: list[Packet] = field(default_factory=list)

    def seen(self) -> list[Packet]:
        """Packets from or to the ranges, and packets that contain one of the names in DNS wire format.

        Raises LabError if the kernel dropped any, because the capture is then incomplete.
        """
        with contextlib.suppress(BlockingIOError):
            while True:
                self._keep(*self._ear.recvfrom(2048))
        _, dropped = struct.unpack("II", self._ear.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))
        if dropped:
            raise LabError(f"{dropped} packets passed unseen while watching: try again with less traffic")
        return list(self._packets)

    def _keep(self, data: bytes, sender: tuple[str, int]) -> None:
        interface, protocol = sender[0], sender[1]
        if interface not in self._interfaces or protocol not in (_ETH_P_IP, _ETH_P_ARP):
            return
        at = (_ARP_SENDER, _ARP_TARGET) if protocol == _ETH_P_ARP else (_SOURCE, _DESTINATION)
        source, destination = (IPv4Address(data[start : start + 4]) for start in at)
        asked = any(_label(name) in data.lower() for name in self.names)
        ours = any(source in span or destination in span for span in self.ranges)
        if asked or ours:
            self._packets.append(Packet(interface, source, destination, data))


@contextlib.contextmanager
def watch(interfaces: Sequence[str], ranges: Sequence[str], names: Sequence[str] = ()) -> Iterator[Watch]:
    """Capture packets in both directions on the interfaces while the block runs; needs root.

    ``ranges`` are the IPv4 ranges to watch; ``names`` are first labels of DNS names ("leak-4711").
    """
    require_root("watch what leaves the machine")
    spans = tuple(IPv4Network(one) for one in ranges)
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_ALL)) as ear:
        program = _filter(spans, udp=bool(names))
        code = ctypes.create_string_buffer(program, len(program))
        attached = struct.pack("HP", len(program) // 8, ctypes.addressof(code))
        ear.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, attached)
        ear.setblocking(False)
        yield Watch(tuple(names), spans, ear, tuple(interfaces))


def _label(name: str) -> bytes:
    return bytes([len(name)]) + name.lower().encode()


def _filter(spans: Sequence[IPv4Network], *, udp: bool) -> bytes:
    """The kernel's filter: IPv4 from or to the ranges, ARP for them, and any UDP if ``udp``."""
    arp = b"".join(_match(_ARP_SENDER, span) + _match(_ARP_TARGET, span) for span in spans)
    ip = b"".join(_match(_SOURCE, span) + _match(_DESTINATION, span) for span in spans)
    if udp:
        ip += _op(_LDB, _TRANSPORT) + _op(_JEQ, _UDP, 0, 1) + _op(_RET, 2048)
    drop = _op(_RET, 0)
    head = _op(_LD, _PROTOCOL) + _op(_JEQ, _ETH_P_ARP, 0, len(arp + drop) // 8) + arp + drop
    return head + _op(_LD, _PROTOCOL) + _op(_JEQ, _ETH_P_IP, 1, 0) + drop + ip + drop


def _match(offset: int, span: IPv4Network) -> bytes:
    """Keep the packet if the address at ``offset`` is in the range, otherwise continue after this block."""
    load = _op(_LD, offset) + _op(_AND, int(span.netmask))
    return load + _op(_JEQ, int(span.network_address), 0, 1) + _op(_RET, 2048)


def _op(code: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("HBBI", code, then, otherwise, value)
