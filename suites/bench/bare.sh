#!/bin/bash
# The bare commands of the article's stages, without the suite. The benchmark compares `make run` with this script.
# Expects the environment that `istio-conformance lab env` prints, an ingress port in $1 and a results folder in $2.
set -euo pipefail
port=$1 results=$2
work=$(mktemp -d)
name=istio-bare-$$
network=$name
export KUBECONFIG=$work/kubeconfig KIND_EXPERIMENTAL_DOCKER_NETWORK=$network
finish() {
  docker rm -f -v "$name-control-plane" >/dev/null 2>&1 || true
  docker network rm "$network" >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap finish EXIT
get() { curl --silent --show-error --max-time 5 --write-out '%{http_code}' --output "$work/body" "http://127.0.0.1:$port$1" 2>/dev/null || true; }
status_is() { until [ "$(get "$1")" = "$2" ]; do :; done; }

docker network create --label "$LAB_LABEL=$name" --label "$LAB_OWNER" "$network" >/dev/null
sed "s/containerPort: 30080/containerPort: 30080\n        hostPort: $port/" "$MANIFESTS/kind/lab.yaml" > "$work/kind.yaml"
kind create cluster --quiet --name "$name" --image "$NODE_IMAGE" --config "$work/kind.yaml" --kubeconfig "$KUBECONFIG"
kubectl apply -f "$MANIFESTS/lab/coredns.yaml" >/dev/null
kubectl -n kube-system rollout status deployment/coredns >/dev/null
istioctl install --skip-confirmation --set "tag=$ISTIO_VERSION" -f "$MANIFESTS/lab/istio-values.yaml" >/dev/null 2>&1
kubectl apply -f "$MANIFESTS/lab/application-protocols.yaml" -f "$MANIFESTS/lab/request-metrics.yaml" >/dev/null
istioctl proxy-status >/dev/null
kubectl apply -f "$MANIFESTS/app/test-app.yaml" -f "$MANIFESTS/app/client.yaml" >/dev/null
kubectl -n test-namespace rollout status deployment/test-deployment >/dev/null
kubectl -n client-namespace wait --for=condition=Ready pod/client >/dev/null
until kubectl -n client-namespace exec client -- curl --silent --fail http://test-svc.test-namespace/ >/dev/null 2>&1; do :; done
[ "$(get /)" = 000 ]
kubectl apply -f "$MANIFESTS/article/gateway.yaml" >/dev/null
status_is / 404
kubectl apply -f "$MANIFESTS/article/virtual-service.yaml" >/dev/null
status_is / 200
for addon in prometheus kiali jaeger; do kubectl apply -f "$MANIFESTS/addons/$addon.yaml" >/dev/null; done
for addon in prometheus kiali jaeger; do kubectl -n istio-system rollout status "deployment/$addon" >/dev/null; done
service() { kubectl get --raw "/api/v1/namespaces/istio-system/services/$1/proxy$2"; }
# The value of a Prometheus query; 0 if it has none yet.
query() { service prometheus:9090 "/api/v1/query?query=$1" | jq -r '.data.result[0].value[1] // "0"'; }
counted() { query "sum(istio_requests_total%7Breporter%3D%22$1%22%7D)"; }
traced() { service jaeger-query:16686 "/api/traces?service=$1&limit=100" | jq '.data | length'; }
requests() { for _ in $(seq 20); do get "$1" >/dev/null; done; }
# Before injection: two targets are up, only the gateway counts requests, there are no traces.
until [ "$(query 'sum(up)')" = 2 ]; do :; done
requests /
until [ "$(counted source)" -ge 20 ]; do :; done
[ "$(traced istio-ingressgateway.istio-system)" = 0 ]
# Tracing is enabled before the sidecar starts, as in the suite.
kubectl apply -f "$MANIFESTS/addons/tracing.yaml" >/dev/null
kubectl label namespace test-namespace istio-injection=enabled >/dev/null
# The label stage watches the pod for this long; the duration itself is the condition.
sleep 5
kubectl -n test-namespace scale deployment/test-deployment --replicas=0 >/dev/null
kubectl -n test-namespace wait --for=delete pod -l app=test >/dev/null
kubectl -n test-namespace scale deployment/test-deployment --replicas=1 >/dev/null
kubectl -n test-namespace rollout status deployment/test-deployment >/dev/null
status_is / 200
id=$(kubectl -n test-namespace get pod -l app=test -o jsonpath='{.items[0].status.containerStatuses[0].containerID}')
pid=$(docker exec "$name-control-plane" ctr -n k8s.io tasks ls | awk -v id="${id#containerd://}" '$1 == id {print $2}')
docker exec "$name-control-plane" nsenter -t "$pid" -n iptables-save -t nat | grep -q ISTIO_INBOUND
kubectl -n client-namespace exec client -- curl --silent --fail http://test-svc.test-namespace/ >/dev/null
kubectl apply -f "$MANIFESTS/article/peer-authentication.yaml" >/dev/null
while kubectl -n client-namespace exec client -- curl --silent --fail http://test-svc.test-namespace/ >/dev/null 2>&1; do :; done
status_is / 200
sed '$a\    retries: {attempts: 0}' "$MANIFESTS/article/virtual-service.yaml" | kubectl apply -f - >/dev/null
until [ "$(counted destination)" -ge 1 ]; do :; done
before=$(counted destination)
requests /
requests /nothing
until [ "$(counted destination)" -ge $((before + 40)) ]; do :; done
measured() { query "sum(istio_request_duration_milliseconds_count%7Breporter%3D%22destination%22%7D)"; }
until [ "$(measured)" = "$(counted destination)" ]; do :; done
drawn() {
  service kiali:20001 "/kiali/api/namespaces/graph?namespaces=istio-system,test-namespace&graphType=workload&duration=10s&injectServiceNodes=false" |
    jq '.elements.edges | length'
}
before=$(traced test.test-namespace)
requests /
until [ "$(traced test.test-namespace)" -ge $((before + 20)) ]; do :; done
until get / >/dev/null && [ "$(drawn)" -ge 1 ]; do :; done
get "/?mark=$name" >/dev/null
logged() { kubectl -n "$1" logs "$2" -c "$3" | grep -q "mark=$name"; }
until logged istio-system deployment/istio-ingressgateway istio-proxy; do :; done
until logged test-namespace deployment/test-deployment istio-proxy; do :; done
until logged test-namespace deployment/test-deployment web; do :; done
kubectl label namespace test-namespace istio-injection- >/dev/null
kubectl -n test-namespace scale deployment/test-deployment --replicas=0 >/dev/null
kubectl -n test-namespace wait --for=delete pod -l app=test >/dev/null
kubectl -n test-namespace scale deployment/test-deployment --replicas=1 >/dev/null
kubectl -n test-namespace rollout status deployment/test-deployment >/dev/null
status_is / 200
istioctl uninstall --purge --skip-confirmation >/dev/null 2>&1
while kubectl -n istio-system get pods -l istio=ingressgateway -o name | grep -q .; do :; done
kubectl -n client-namespace exec client -- curl --silent --fail http://test-svc.test-namespace/ >/dev/null
if [ -d "$results" ]; then
  node "$ALLURE" generate "$results" -o "$work/html" >/dev/null
fi
