package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ConnectionSpec is a code host.
type ConnectionSpec struct {
	// driver that speaks to the host.
	// +kubebuilder:validation:Enum=gitea
	Driver string `json:"driver"`
	// url of the host as Gozer reaches it, e.g. "https://gitea.example.com".
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:Pattern=`^https?://[^\s@]+$`
	URL string `json:"url"`
	// webURL of the host as people reach it, in links and Depends-On lines; url when unset.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:Pattern=`^https?://[^\s@]+$`
	WebURL string `json:"webURL,omitempty"`
	// canonicalHostname names the host in project names; the host of url when unset.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	CanonicalHostname string `json:"canonicalHostname,omitempty"`
	// secretName is a Secret in the same namespace with the keys "token" (API
	// and git access) and "webhookSecret" (HMAC key of webhooks).
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	SecretName string `json:"secretName"`
	// allowedTenants are the namespaces whose tenants may use the connection; unset allows all.
	// +optional
	// +kubebuilder:validation:MaxItems=1024
	// +kubebuilder:validation:items:MaxLength=63
	// +listType=set
	AllowedTenants []string `json:"allowedTenants,omitempty"`
}

// ConnectionStatus is written by the connection controller.
type ConnectionStatus struct {
	// account that the token belongs to.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	Account string `json:"account,omitempty"`
	// version that the host says it is.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	Version string `json:"version,omitempty"`
	// webhookPath on Gozer's web service to which the host must send its webhooks.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	WebhookPath string `json:"webhookPath,omitempty"`
	// conditions: Ready is true when the credentials were accepted.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// Connection is a code host and how to speak to it. It lives in the operator's namespace.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=conn,categories=gozer
// +kubebuilder:printcolumn:name="Driver",type=string,JSONPath=`.spec.driver`
// +kubebuilder:printcolumn:name="URL",type=string,JSONPath=`.spec.url`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Account",type=string,JSONPath=`.status.account`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type Connection struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says where the host is.
	Spec ConnectionSpec `json:"spec"`
	// status tells whether it answers.
	// +optional
	Status ConnectionStatus `json:"status,omitempty"`
}

// ConnectionList is a list of Connections.
//
// +kubebuilder:object:root=true
type ConnectionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Connection `json:"items"`
}
