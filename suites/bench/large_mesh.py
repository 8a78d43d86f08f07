"""A mesh of hundreds of proxies that differ as real ones do, made from pods recorded on the lab.

Each namespace has an app of its own shape: the number of containers, labels, replicas and ports, injection by
label, revision or not at all, the version of the proxies, routes with weights and subsets, and policies. A
fixed seed makes it the same each time. It has faults as real meshes do: old proxies, rejected updates,
mistyped selectors, routes to Services that are gone.
"""

from __future__ import annotations

import random
from copy import deepcopy
from typing import Any

from fixtures.inspection.mesh import Mesh
from suites.selftest.inspected import healthy, injector, objects
from suites.selftest.recordings import recorded
from suites.selftest.views import endpoints, namespace, resource, service

_VERSIONS = ("1.31.0", "1.31.0", "1.31.0", "1.31.0", "1.30.4", "1.30.4", "1.29.1")
_LABELS = ("team", "tier", "release", "chart", "owner", "stage", "component", "cost-centre")
_PORTS = ("http", "http-admin", "grpc", "tcp-db", "metrics", "web")
_PLAIN = 0.1


class LargeMesh:
    """The objects of the mesh, and istiod's report on its proxies."""

    def __init__(self, proxies: int, seed: int = 19) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a repeatable shape, no secret
        self._pods = recorded("mesh-pods.json")
        self.mesh: Mesh = healthy()
        self.rows: list[Any] = []
        objects(self.mesh, "MutatingWebhookConfiguration").append(injector("canary"))
        for number in range(20):
            self._gateway(number)
        number = 0
        while len(self.rows) < proxies:
            self._namespace(f"app-{number}", proxies)
            number += 1

    def _namespace(self, name: str, proxies: int) -> None:
        chance = self._random
        labels: dict[str, str] = chance.choice(
            [{"istio-injection": "enabled"}, {"istio-injection": "enabled"}, {"istio.io/rev": "canary"}, {}]
        )
        extra = {
            each: f"{each}-{chance.randrange(5)}" for each in chance.sample(_LABELS, chance.randrange(4))
        }
        self._add("Namespace", namespace(name, **labels, **extra))
        for app in range(chance.randint(1, 6)):
            self._app(f"{name}-{app}", name, bool(labels), proxies)

    def _app(self, name: str, space: str, injected: bool, proxies: int) -> None:
        chance = self._random
        labels = {"app": name, "version": chance.choice(("v1", "v2", "v3"))}
        labels |= {
            each: f"{each}-{chance.randrange(9)}" for each in chance.sample(_LABELS, chance.randrange(8))
        }
        version = chance.choice(_VERSIONS)
        for replica in range(chance.randint(1, 5)):
            plain = not injected or chance.random() < _PLAIN
            if not plain and len(self.rows) >= proxies:
                return
            self._pod(f"{name}-{replica:x}{chance.getrandbits(32):08x}", space, labels, version, plain=plain)
        ports = chance.sample(_PORTS, chance.randint(1, 4))
        made = service(name, space, [8000 + number for number in range(len(ports))], app=name)
        for port, given in zip(made["spec"]["ports"], ports, strict=True):
            port["name"] = given
        self._add("Service", made)
        self._add("EndpointSlice", endpoints(name, space))
        self._routes(name, space)

    def _pod(self, name: str, space: str, labels: dict[str, str], version: str, *, plain: bool) -> None:
        pod = deepcopy(self._pods["plain" if plain else "sidecar"])
        pod["metadata"] |= {
            "name": name,
            "namespace": space,
            "labels": {**pod["metadata"]["labels"], **labels},
        }
        for number in range(self._random.randrange(3)):
            extra = {
                "name": f"helper-{number}",
                "image": f"registry.example/helper:{self._random.randrange(9)}",
            }
            pod["spec"]["containers"].append(extra)
        for each in (*pod["spec"]["containers"], *pod["spec"].get("initContainers", ())):
            if each["name"].startswith("istio-"):
                each["image"] = f"registry.example/proxyv2:{version}"
        self._add("Pod", pod)
        if not plain:
            self.rows.append(self._row(f"{name}.{space}", version))

    def _row(self, proxy: str, version: str) -> Any:
        row = deepcopy(recorded("syncz.json")["MISSING"][2])
        row |= {"proxy": proxy, "istio_version": version}
        for state in row["resources"].values():
            state["sent"] = state["acked"] = f"2026-11-23T21:47:34Z/{self._random.getrandbits(64):x}"
        if self._random.random() < 0.01:
            listener = row["resources"]["type.googleapis.com/envoy.config.listener.v3.Listener"]
            listener |= {
                "acked": "older",
                "lastError": f"Error adding listener 0.0.0.0_{self._random.randrange(9)}",
            }
        return row

    def _routes(self, name: str, space: str) -> None:
        chance = self._random
        host = name if chance.random() < 0.95 else f"{name}-gone"
        subsets = [f"v{number}" for number in range(1, chance.randint(2, 4))]
        to = [
            {"destination": {"host": host, "subset": each}, "weight": 100 // len(subsets)} for each in subsets
        ]
        rules = [
            {"match": [{"uri": {"prefix": f"/{each}"}}], "route": to} for each in range(chance.randint(1, 9))
        ]
        gateway = f"gateways/gateway-{chance.randrange(20)}"
        hosts = [f"{name}.shop.example"]
        spec = {"hosts": hosts, "gateways": [gateway, "mesh"], "http": rules}
        self._add("VirtualService", resource(name, space, spec=spec))
        declared = [{"name": each, "labels": {"version": each}} for each in subsets]
        rule = {"host": name, "subsets": declared, "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}}}
        self._add("DestinationRule", resource(name, space, spec=rule))
        selector = {"matchLabels": {"app": name if chance.random() < 0.95 else "mistyped"}}
        self._add("AuthorizationPolicy", resource(name, space, spec={"selector": selector, "rules": [{}]}))
        if chance.random() < 0.3:
            self._add(
                "Sidecar", resource(name, space, spec={"egress": [{"hosts": ["./*", "istio-system/*"]}]})
            )
        if chance.random() < 0.2:
            self._add("PeerAuthentication", resource(name, space, spec={"mtls": {"mode": "STRICT"}}))

    def _gateway(self, number: int) -> None:
        port = {"number": 80, "protocol": "HTTP"}
        servers = [{"port": port, "hosts": ["*/*.shop.example", f"shop-{number}.example"]}]
        spec = {"selector": {"istio": "ingressgateway"}, "servers": servers}
        self._add("Gateway", resource(f"gateway-{number}", "gateways", spec=spec))

    def _add(self, kind: str, made: Any) -> None:
        objects(self.mesh, kind).append({"kind": kind, **made})
