"""A user with exactly the rights of a manifest, and a digest of everything that a cluster has."""

import json
from hashlib import sha256
from pathlib import Path

import yaml

from fixtures.clients.kube import Resource
from fixtures.clients.kubectl import Kubectl
from fixtures.clusters.base import Cluster

#: What changes by itself: leases, events, and the election that istiod keeps in an annotation.
UNSTABLE = ("events", "events.events.k8s.io", "leases.coordination.k8s.io")
ELECTION = "control-plane.alpha.kubernetes.io/leader"
_NAMESPACE = "istio-system"


def kubeconfig_of(cluster: Cluster, rights: Path, user: str, folder: Path) -> Path:
    """Apply a manifest of rights, and return a kubeconfig of its ServiceAccount."""
    cluster.kubectl.read("apply", "--filename", str(rights))
    token = cluster.kubectl.read("create", "token", user, "--namespace", _NAMESPACE).strip()
    config = yaml.safe_load(cluster.kubeconfig.read_text(encoding="utf-8"))
    config["users"] = [{"name": user, "user": {"token": token}}]
    config["contexts"][0]["context"]["user"] = user
    file = folder / "kubeconfig"
    file.touch(mode=0o600)
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    return file


def digest(kubectl: Kubectl) -> dict[str, str]:
    """Return a hash of each object's spec and metadata, by kind and name, without what changes by itself."""
    listed = kubectl.read("api-resources", "--verbs=list", "--output=name").split()
    kinds = ",".join(each for each in listed if each not in UNSTABLE)
    objects = json.loads(kubectl.read("get", kinds, "--all-namespaces", "--output=json"))["items"]
    return {
        _name(each): sha256(json.dumps(_stable(each), sort_keys=True).encode()).hexdigest()
        for each in objects
    }


def _stable(resource: Resource) -> Resource:
    metadata = {
        name: value
        for name, value in resource["metadata"].items()
        if name not in ("managedFields", "resourceVersion")
    }
    metadata["annotations"] = {
        name: value for name, value in (metadata.get("annotations") or {}).items() if name != ELECTION
    }
    return {**{name: value for name, value in resource.items() if name != "status"}, "metadata": metadata}


def _name(resource: Resource) -> str:
    metadata = resource["metadata"]
    return f"{resource['apiVersion']}/{resource['kind']} {metadata.get('namespace', '')}/{metadata['name']}"
