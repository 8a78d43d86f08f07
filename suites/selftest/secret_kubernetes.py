"""Kubernetes Secrets in every notation in which a report shows them, whole and cut off."""

import json

from suites.selftest.secret_cases import PW, case, encoded

VALUE = encoded("plain-words")
_LIST = {
    "apiVersion": "v1",
    "kind": "SecretList",
    "items": [{"metadata": {"name": "a"}, "data": {"x": VALUE}}],
}
_MANY = {f"key-{number}": encoded(f"value {number}") for number in range(300)}
_LAST = encoded("value 299")
_DATA = {f"k{n}": encoded("v" * 900 + str(n)) for n in range(120)}
_BIG = {"apiVersion": "v1", "data": _DATA, "kind": "Secret"}
_LINES = "\n".join(["apiVersion: v1", "data:", *(f"  {key}: {value}" for key, value in _MANY.items())])
_TEXT = "\n".join(f"    line {number}" for number in range(90))

KUBERNETES = [
    case("list-json", json.dumps(_LIST), VALUE, stays=('"name": "a"',)),
    case("list-json-pretty", json.dumps(_LIST, indent=2), VALUE, stays=('"name": "a"',)),
    case("list-python", repr(_LIST), VALUE, stays=("'name': 'a'",)),
    case(
        "list-yaml",
        f"apiVersion: v1\nitems:\n- data:\n    x: {VALUE}\n  metadata:\n    name: a\nkind: SecretList",
        VALUE,
        stays=("name: a",),
    ),
    case(
        "many-keys-yaml",
        f"{_LINES}\nkind: Secret\nmetadata:\n  name: a",
        _LAST,
        encoded("value 0"),
        stays=("name: a",),
    ),
    case("many-keys-json", json.dumps(_BIG), *[*_DATA.values()][::40], stays=("apiVersion",)),
    case("many-keys-python", repr(_BIG), *[*_DATA.values()][::40], stays=("apiVersion",)),
    case("many-keys-pretty", json.dumps(_BIG, indent=1), *[*_DATA.values()][::40], stays=("v1",)),
    case(
        "many-lines",
        f"apiVersion: v1\nstringData:\n  any: |\n{_TEXT}\n  other: plain-words\nkind: Secret\ntype: x",
        "line 0",
        "line 89",
        "plain-words",
        stays=("type: x",),
    ),
    case(
        "quoted-lines",
        'kind: Secret\nstringData:\n  any: "' + _TEXT.strip() + '"\ntype: x',
        "line 1\n",
        "line 89",
        stays=("type: x",),
    ),
    case(
        "kubectl-diff",
        f"-apiVersion: v1\n-data:\n-  any: {VALUE}\n-kind: Secret\n-metadata:\n-  name: mine",
        VALUE,
        stays=("name: mine",),
    ),
    case(
        "pytest-diff",
        "\n".join(
            f"E         {line}" for line in ["- data:", f"-   any: {VALUE}", "  kind: Secret", "+ type: x"]
        ),
        VALUE,
        stays=("+ type: x",),
    ),
    case(
        "kubectl-diff-changed",
        f" data:\n-  any: {VALUE}\n+  any: {encoded('other-words')}\n kind: Secret\n type:",
        VALUE,
        encoded("other-words"),
        stays=(" type:",),
    ),
    case(
        "go-map",
        "map[apiVersion:v1 data:map[any:cGxhaW4 b:d29yZHM=] kind:Secret]",
        "cGxhaW4",
        "d29yZHM",
        stays=("apiVersion:v1",),
    ),
    case(
        "go-map-last",
        "map[kind:Secret stringData:map[any:plain-words] type:Opaque]",
        "plain-words",
        stays=("type:Opaque",),
    ),
    case(
        "model",
        f"V1Secret(api_version='v1', data={{'any': '{VALUE}'}}, kind='Secret', type='x')",
        VALUE,
        stays=("type='x'",),
    ),
    case("model-without-kind", f"V1Secret(data={{'any': '{VALUE}'}}, kind=None, string_data=None)", VALUE),
    case(
        "model-printed",
        f"{{'api_version': 'v1',\n 'data': {{'any': '{VALUE}'}},\n 'kind': 'Secret'}}",
        VALUE,
        stays=("api_version",),
    ),
    case("bom", f"\ufeffkind: Secret\ndata:\n  any: {VALUE}\ntype: x", VALUE, stays=("type: x",)),
    case("bom-data", f"\ufeffdata:\n  any: {VALUE}\nkind: Secret\ntype: x", VALUE, stays=("type: x",)),
    case(
        "patch",
        '[{"op": "replace", "path": "/data/password", "value": "aHVudGVyMg=="}]',
        "aHVudGVy",
        stays=('"op": "replace"',),
    ),
    case("patch-yaml", "- op: add\n  path: /stringData/any\n  value: hunter2\n- op: x", PW, stays=("op: x",)),
    case("no-kind", f"type: Opaque\ndata:\n  any: {VALUE}\nmetadata:\n  name: x", VALUE, stays=("name: x",)),
    case(
        "no-kind-data-first",
        f"data:\n  any: {VALUE}\nmetadata:\n  name: x\ntype: kubernetes.io/tls",
        VALUE,
        stays=("name: x",),
    ),
    case("no-kind-json", f'{{"data": {{"any": "{VALUE}"}}, "type": "Opaque"}}', VALUE, stays=("Opaque",)),
]
