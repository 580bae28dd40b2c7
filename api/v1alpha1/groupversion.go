package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion of every kind in this package.
var GroupVersion = schema.GroupVersion{Group: "gozer.dev", Version: "v1alpha1"}

// AddToScheme registers the kinds with a scheme.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion,
		&Tenant{}, &TenantList{},
		&Pipeline{}, &PipelineList{},
		&ChangeQueue{}, &ChangeQueueList{},
		&QueueItem{}, &QueueItemList{},
		&RepositoryState{}, &RepositoryStateList{},
		&BuildSet{}, &BuildSetList{},
		&Build{}, &BuildList{},
		&NodeRequest{}, &NodeRequestList{},
		&NodePool{}, &NodePoolList{},
		&Connection{}, &ConnectionList{},
		&TriggerEvent{}, &TriggerEventList{},
		&Semaphore{}, &SemaphoreList{},
		&Hold{}, &HoldList{},
	)
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}
