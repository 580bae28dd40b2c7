// Package v1alpha1 holds Gozer's custom resources: the whole state of the gate.
//
// A Tenant owns its namespace; Pipelines, ChangeQueues, QueueItems, BuildSets,
// Builds and NodeRequests of a tenant live there. Connections, NodePools and
// TriggerEvents live in the operator's namespace and say which tenants may use
// them. Every status field has exactly one writer; the comment on each status
// names it.
//
// +kubebuilder:object:generate=true
// +groupName=gozer.dev
package v1alpha1
