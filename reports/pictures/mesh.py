"""Draws the mesh before and after injection as two graphs: callers, responses and mutual TLS."""

from __future__ import annotations

from collections.abc import Iterator

from reports.pictures.arrows import legend
from reports.pictures.canvas import FAINT, HEADING, INK, MARGIN, SMALL, TEXT, WIDTH, Canvas, folded
from reports.pictures.columns import columns
from reports.pictures.graph import Graph
from reports.pictures.scene import Scene, SceneNode

TITLE = "The mesh before and after injection"
#: Maximum number of columns for drawing two graphs side by side.
BESIDE = 3
_GRAPHS_TOP, _LINE, _NOTE_LINES = 92, 20, 3


def mesh(before: Scene, after: Scene) -> str:
    """Return both graphs as one SVG. For a scene that was not observed, a sentence says why."""
    scenes = (("before injection", before), ("after injection", after))
    graphs = [_graph(scene) for _, scene in scenes]
    beside = all(len(graph.columns) <= BESIDE and graph.straight for graph in graphs if graph)
    widest = max((graph.narrowest for graph in graphs if graph), default=0.0)
    width = max(WIDTH, widest + 2 * MARGIN)
    room = (WIDTH - 3 * MARGIN) / 2 if beside else width - 2 * MARGIN
    canvas = Canvas(TITLE, width)
    canvas.text((MARGIN, 34), TITLE, size=HEADING, bold=True)
    legend(canvas, 62)
    left, top, foot = float(MARGIN), float(_GRAPHS_TOP), 0.0
    for (title, scene), graph in zip(scenes, graphs, strict=True):
        end = _scene(canvas, (left, top), room, title, scene, graph)
        foot = max(foot, end)
        if beside:
            left += room + MARGIN
        else:
            top = end + MARGIN
    if beside:
        canvas.line((WIDTH / 2, _GRAPHS_TOP - 10), (WIDTH / 2, foot))
    return canvas.finish(foot + MARGIN)


def _graph(scene: Scene) -> Graph | None:
    ends = {key for edge in scene.edges for key in (edge.source, edge.target)}
    if scene.missing or not ends:
        return None
    known = {node.key: node for node in scene.nodes}
    nodes = {key: known.get(key, SceneNode(name=key)) for key in sorted(ends)}
    return Graph(nodes, scene.edges, columns(nodes, [(edge.source, edge.target) for edge in scene.edges]))


def _scene(
    canvas: Canvas, at: tuple[float, float], room: float, title: str, scene: Scene, graph: Graph | None
) -> float:
    left, top = at
    canvas.text((left, top + 12), title, bold=True, size=16)
    y = top + 34
    if graph:
        y = graph.draw(canvas, (left, y), room) + 30
    for words, size, fill in _notes(scene, graph):
        for line in folded(words, size, room, _NOTE_LINES):
            canvas.text((left, y), line, size=size, fill=fill)
            y += _LINE
    return y


def _notes(scene: Scene, graph: Graph | None) -> Iterator[tuple[str, float, str]]:
    if scene.missing:
        yield f"Not observed: {scene.missing}", TEXT, FAINT
        return
    if graph is None:
        yield "No request was seen.", TEXT, FAINT
    names = graph.nodes if graph else {}
    for edge in sorted(scene.edges, key=lambda edge: (edge.source, edge.target)):
        yield f"{names[edge.source].name} → {names[edge.target].name}: {edge.in_words()}", SMALL, INK
    if quiet := [node for node in scene.nodes if node.key not in names]:
        listed = ", ".join(sorted(f"{node.name}{_state(node)}" for node in quiet))
        yield f"no request seen from or to: {listed}", SMALL, FAINT
    for note in scene.notes:
        yield note, SMALL, FAINT


def _state(node: SceneNode) -> str:
    states = (("sidecar", node.sidecar), ("not ready", node.ready is False))
    words = [word for word, applies in states if applies]
    return f" ({', '.join(words)})" if words else ""
