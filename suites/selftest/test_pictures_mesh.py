"""The mesh as a graph: columns by depth, facts about each node and edge, and what was not observed."""

from itertools import pairwise, product

import pytest

from reports.pictures.columns import columns
from reports.pictures.mesh import mesh
from reports.pictures.scene import Edge, Scene, SceneNode
from suites.selftest.drawings import drawing

CLIENT = SceneNode(name="client", kind="outside")
GATEWAY = SceneNode(name="istio-ingressgateway", namespace="istio-system", kind="gateway", ready=True)
PLAIN = SceneNode(name="test-deployment", namespace="test-namespace", sidecar=False, ready=True)
INJECTED = SceneNode(name="test-deployment", namespace="test-namespace", sidecar=True, ready=False)
ISTIOD = SceneNode(name="istiod", namespace="istio-system", sidecar=False, ready=True)


def scene(app: SceneNode, mutual_tls: float | None, *more: SceneNode, **answers: int) -> Scene:
    codes = {code.removeprefix("c"): count for code, count in answers.items()}
    edges = (
        Edge(source=CLIENT.key, target=GATEWAY.key, answers=codes, mutual_tls=0.0),
        Edge(source=GATEWAY.key, target=app.key, answers=codes, mutual_tls=mutual_tls),
    )
    return Scene(nodes=(CLIENT, GATEWAY, app, *more), edges=edges)


BEFORE, AFTER = scene(PLAIN, None, c200=20), scene(INJECTED, 100.0, ISTIOD, c200=20, c404=3)


def test_both_moments_are_side_by_side() -> None:
    shown = drawing(mesh(BEFORE, AFTER))
    before, after = (
        next(each.box for each in shown.words if each.text == f"{when} injection")
        for when in ("before", "after")
    )
    assert before[1] == after[1]
    assert before[2] < after[0]
    assert shown.collisions() == []


def test_workload_node_shows_its_known_facts() -> None:
    shown = drawing(mesh(BEFORE, AFTER)).text
    assert all(words in shown for words in ("no sidecar", "sidecar", "● ready", "▲ not ready", "gateway"))
    assert "ready?" in drawing(mesh(Scene(edges=BEFORE.edges), AFTER)).text, "of what was not observed"


def test_edge_shows_requests_responses_and_mutual_tls() -> None:
    shown = drawing(mesh(BEFORE, AFTER))
    assert shown.marks("20 x 200, 3 x 404, all over mutual TLS") == 1
    assert shown.marks("20 x 200, mutual TLS not reported") == 1
    assert [each.text for each in shown.words if each.text in {"20", "23", "plain", "mTLS", "TLS ?"}] == [
        *("20", "plain", "20", "TLS ?"),
        *("23", "plain", "23", "mTLS"),
    ]


def test_edge_shows_missing_responses_and_a_share_of_mutual_tls() -> None:
    edge = Edge(source="a", target="b", answers={"0": 2, "503": 1}, mutual_tls=66.6)
    assert edge.in_words() == "2 x no answer, 1 x 503, 67% over mutual TLS"


def test_workload_without_requests_is_listed_below() -> None:
    assert "no request seen from or to: istiod" in drawing(mesh(BEFORE, AFTER)).text


def test_unobserved_moment_shows_the_reason() -> None:
    shown = drawing(mesh(Scene(missing="the stage add-ons was not run"), AFTER))
    assert "Not observed: the stage add-ons was not run" in shown.text
    assert "mTLS" in shown.text
    assert shown.collisions() == []


def test_mesh_without_requests_says_so() -> None:
    assert "No request was seen." in drawing(mesh(Scene(nodes=(GATEWAY,)), AFTER)).text


def test_columns_follow_the_edges_whatever_the_order() -> None:
    pairs = [("gateway", "app"), ("client", "gateway"), ("app", "db"), ("client", "app")]
    assert columns(["db", "alone"], pairs) == columns(["alone", "db"], pairs[::-1])
    assert columns([], pairs) == [["client"], ["app", "gateway"], ["db"]]


def test_cycles_and_self_requests_get_columns() -> None:
    assert columns([], [("b", "a"), ("a", "b"), ("b", "b")]) == [["a"], ["b"]]


LONG = tuple(f"workload-{number}-with-a-name-that-never-seems-to-end-at-all" for number in range(7))


@pytest.mark.parametrize(
    "pairs",
    [
        [(name, LONG[number + 1]) for number, name in enumerate(LONG[:-1])],
        list(product(LONG[:3], LONG[3:])),
        [*pairwise(LONG), (LONG[6], LONG[0]), (LONG[2], LONG[2]), (LONG[0], LONG[5])],
    ],
    ids=["a chain of seven", "three that ask four", "backwards, over columns, itself"],
)
def test_texts_never_overlap_for_any_mesh(pairs: list[tuple[str, str]]) -> None:
    edges = tuple(Edge(source=a, target=b, answers={"200": 250_000}, mutual_tls=37.0) for a, b in pairs)
    shown = drawing(mesh(BEFORE, Scene(edges=edges)))
    assert shown.collisions() == []
    assert shown.marks("37% over mutual TLS") == len(pairs), "each edge is drawn"
