"""How requests reach the app through the gateway: URL, route name and the command that repeats them."""

from typing import Any, cast

import pytest

from fixtures.clients.kube import Kube
from fixtures.clusters.base import Cluster
from fixtures.declaration import Entry, names_in
from fixtures.installers.operator_names import operator_names
from fixtures.manifests import Manifests
from fixtures.mesh.ingress import Ingress

PORTS = [
    {"port": 80, "nodePort": 30080, "targetPort": 8080},
    {"port": 443, "nodePort": 30443, "targetPort": 8443},
]


class Published:
    """A cluster that publishes each node port on loopback, and its only Service."""

    def reach(self, port: int) -> str:
        return f"127.0.0.1:{port}"

    def get(self, *_: Any) -> Any:
        return {"spec": {"ports": PORTS, "clusterIP": "10.96.0.9"}}


def ingress(**entry: Any) -> Ingress:
    cluster = Published()
    return Ingress(
        cluster=cast("Cluster", cluster),
        kube=cast("Kube", cluster),
        names=names_in(Manifests(), operator_names()),
        entry=Entry(**entry),
    )


@pytest.mark.parametrize(
    ("path", "more", "url"),
    [
        ("/", "", "http://127.0.0.1:30080/"),
        ("/", "/nothing", "http://127.0.0.1:30080/nothing"),
        ("/", "?mark", "http://127.0.0.1:30080/?mark"),
        ("/shop", "?mark", "http://127.0.0.1:30080/shop?mark"),
        ("/shop", "/nothing", "http://127.0.0.1:30080/shop/nothing"),
        ("/shop/", "/nothing", "http://127.0.0.1:30080/shop/nothing"),
    ],
)
def test_requests_go_below_the_entrys_path(path: str, more: str, url: str) -> None:
    assert ingress(path=path).url(more) == url


def test_https_has_its_own_port_route_and_command() -> None:
    entry = {"scheme": "https", "port": 443, "host": "shop.example", "server": "https.public.edge"}
    secure = ingress(**entry)
    assert secure.url() == "https://127.0.0.1:30443/"
    assert secure.route_name() == "https.443.https.public.edge"
    assert secure.command() == (
        "curl -i --insecure --connect-to shop.example:443:127.0.0.1:30443 https://shop.example/"
    )
    assert secure.place_inside() is None
    assert ingress(**entry, redirecting=80).place_inside() == ("10.96.0.9", 80)


def test_plain_entry_has_its_host_in_the_command() -> None:
    plain = ingress(host="shop.example")
    assert plain.route_name() == "http.8080"
    assert plain.command() == "curl -i --header 'Host: shop.example' http://127.0.0.1:30080/"
    assert plain.place_inside() == ("10.96.0.9", 80)


def test_port_that_the_service_lacks_is_named() -> None:
    with pytest.raises(AssertionError, match=r"has no port 8081, only \[80, 443\]"):
        ingress(port=8081).url()


def test_server_at_a_port_of_the_pods_is_reached_by_the_services_port() -> None:
    direct = ingress(port=8080)
    assert direct.url() == "http://127.0.0.1:30080/"
    assert direct.route_name() == "http.8080"
    assert direct.place_inside() == ("10.96.0.9", 80)
