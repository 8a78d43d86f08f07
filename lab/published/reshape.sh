#!/bin/bash
# Runs in a container of the lab's node image. Gives it the shape of a published one: no image of the mesh, the app or
# the add-ons, and no kube-proxy unit, because kubeadm runs kube-proxy and CoreDNS as workloads.
set -euo pipefail
mkdir -p /run/reshape
containerd --root /var/lib/containerd --state /run/reshape --address /run/reshape/containerd.sock --log-level error &
server=$!
until ctr --address /run/reshape/containerd.sock version >/dev/null 2>&1; do
  kill -0 "$server"
done
ctr --address /run/reshape/containerd.sock -n k8s.io images ls -q | while read -r name; do
  case $name in
    registry.k8s.io/*) ;;
    *) ctr --address /run/reshape/containerd.sock -n k8s.io images rm "$name" >/dev/null ;;
  esac
done
# The lab's own CoreDNS lacks plugins that the Corefile of kubeadm names.
ctr --address /run/reshape/containerd.sock -n k8s.io images import --no-unpack /coredns.tar
ctr --address /run/reshape/containerd.sock -n k8s.io images ls -q
kill -TERM "$server"
wait "$server" || true
rm -rf /run/reshape
rm -f /etc/systemd/system/kube-proxy.* /etc/systemd/system/multi-user.target.wants/kube-proxy.path /reshape.sh /coredns.tar
