// Package values replaces Kubernetes' types in the installation values of Istio 1.28. Since Kubernetes' modules
// 0.35 those types are no longer protobuf messages, and istioctl would panic. Istio 1.29 uses the same replacement.
package values

import "google.golang.org/protobuf/types/known/structpb"

// Types of k8s.io/api/core/v1.
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

// LabelSelector replaces the type of k8s.io/apimachinery/pkg/apis/meta/v1.
type LabelSelector = structpb.Struct
