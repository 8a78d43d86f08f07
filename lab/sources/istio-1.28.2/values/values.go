// Package values stands in for Kubernetes' types in the installation values of Istio 1.28: since 0.35 those are no protobuf
// messages any more, and istioctl would panic. Istio 1.29 has put the same struct in their place.
package values

import "google.golang.org/protobuf/types/known/structpb"

// Of k8s.io/api/core/v1.
type (
	Affinity                 = structpb.Struct
	Lifecycle                = structpb.Struct
	NodeSelector             = structpb.Struct
	SeccompProfile           = structpb.Struct
	Toleration               = structpb.Struct
	TopologySpreadConstraint = structpb.Struct
	Volume                   = structpb.Struct
	VolumeMount              = structpb.Struct
)

// LabelSelector is of k8s.io/apimachinery/pkg/apis/meta/v1.
type LabelSelector = structpb.Struct
