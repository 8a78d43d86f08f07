#!/bin/bash
# Runs in a container with the node's root file system. Unpacks the images in /bake/images.tar into a
# containerd folder and packs that folder as /bake/baked.tar, a layer of the node image.
#
# kind makes /var a volume and copies the image's /var into it for each new node. To keep that copy small, the
# unpacked files are outside /var, in /kind/snapshots, and containerd's folder contains only links to them. The
# compressed layers are omitted, like containerd does with discard_unpacked_layers.
set -euo pipefail
rm -rf /bake/containerd /bake/out
mkdir -p /bake/out/kind/snapshots /bake/out/var/lib /bake/out/etc/containerd /run/bake
containerd --root /bake/containerd --state /run/bake --address /run/bake/containerd.sock --log-level warn &
server=$!
until ctr --address /run/bake/containerd.sock version >/dev/null 2>&1; do
  kill -0 "$server"
done
ctr --address /run/bake/containerd.sock -n k8s.io images import --snapshotter overlayfs /bake/images.tar
ctr --address /run/bake/containerd.sock -n k8s.io images ls -q > /bake/names.txt
kill -TERM "$server"
wait "$server" || true
cd /bake/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots
for number in *; do
  mv "$number" /bake/out/kind/snapshots/
  ln -s "/kind/snapshots/$number" "$number"
done
find /bake/containerd/io.containerd.content.v1.content/blobs -type f -size +64k -delete
mv /bake/containerd /bake/out/var/lib/containerd
# Like kind's base image, without its hook on every container: the default spec without resource limits.
ctr oci spec | jq 'del(.process.rlimits)' > /bake/out/etc/containerd/cri-base.json
tar -C /bake/out --numeric-owner -cf /bake/baked.tar.part .
mv /bake/baked.tar.part /bake/baked.tar
rm -rf /bake/out
