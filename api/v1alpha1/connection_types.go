package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ConnectionSpec is a code host.
//
// +kubebuilder:validation:XValidation:rule="self.driver == 'github' || !has(self.app) && !has(self.pollInterval)",message="app and pollInterval are for the driver github"
type ConnectionSpec struct {
	// driver that speaks to the host.
	// +kubebuilder:validation:Enum=gitea;github
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
	// and git access) and "webhookSecret" (HMAC key of webhooks); with app, it has
	// "privateKey" (the App's key, PEM) in place of "token".
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	SecretName string `json:"secretName"`
	// app is the GitHub App that Gozer acts as; for the driver github.
	// +optional
	App *ConnectionApp `json:"app,omitempty"`
	// pollInterval is how often the host is asked for what no webhook told, at
	// least "1m"; for the driver github. "5m" when unset.
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1m')",message="pollInterval is at least 1m"
	PollInterval *metav1.Duration `json:"pollInterval,omitempty"`
	// allowedTenants are the namespaces whose tenants may use the connection; unset allows all.
	// +optional
	// +kubebuilder:validation:MaxItems=1024
	// +kubebuilder:validation:items:MaxLength=63
	// +listType=set
	AllowedTenants []string `json:"allowedTenants,omitempty"`
}

// ConnectionApp is a GitHub App.
type ConnectionApp struct {
	// id is the App's id or its client id.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9._-]+$`
	ID string `json:"id"`
}

// ConnectionRateLimit is what the host still answers.
type ConnectionRateLimit struct {
	// remaining requests.
	Remaining int64 `json:"remaining"`
	// limit is how many there are.
	Limit int64 `json:"limit"`
	// reset is when there are so many again.
	// +optional
	Reset *metav1.Time `json:"reset,omitempty"`
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
	// missingPermissions are those that the account needs and has not: "checks: write".
	// +optional
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=255
	// +listType=atomic
	MissingPermissions []string `json:"missingPermissions,omitempty"`
	// rateLimit is how many requests the host still answers, the least of all that count.
	// +optional
	RateLimit *ConnectionRateLimit `json:"rateLimit,omitempty"`
	// blockedUntil is until when the host wants no requests at all.
	// +optional
	BlockedUntil *metav1.Time `json:"blockedUntil,omitempty"`
	// lastEvent is when the host last told of something.
	// +optional
	LastEvent *metav1.Time `json:"lastEvent,omitempty"`
	// lastError of a request, in words, and when it was.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	LastError string `json:"lastError,omitempty"`
	// +optional
	LastErrorTime *metav1.Time `json:"lastErrorTime,omitempty"`
	// completeUntil is until when all that happened on the host is known here,
	// whether or not a webhook told it.
	// +optional
	CompleteUntil *metav1.Time `json:"completeUntil,omitempty"`
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
