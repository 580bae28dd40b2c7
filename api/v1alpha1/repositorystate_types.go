package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// RepositoryStateSpec is where the branches and tags of a repository were at one moment.
//
// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="the state of a repository is immutable"
type RepositoryStateSpec struct {
	// project that the repository is of.
	Project ProjectRef `json:"project"`
	// default is the branch that the code host calls the default one; empty if it does not say.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	Default string `json:"default,omitempty"`
	// branches and tags are how many there are in refs.
	// +optional
	Branches int32 `json:"branches"`
	// +optional
	Tags int32 `json:"tags"`
	// truncated tells that the repository has more tags; those that sort last are kept.
	// +optional
	Truncated bool `json:"truncated,omitempty"`
	// refs is a line for each branch and tag, sorted by name: the object, a blank, and the full
	// name; after an annotated tag, the commit behind a ^. It is compressed with gzip.
	// +optional
	// +kubebuilder:validation:MaxLength=1500000
	Refs []byte `json:"refs,omitempty"`
}

// RepositoryState is what jobs see of a repository, besides the branches that
// changes touch. BuildSets name it, so that all their builds, and all attempts
// of these, see the same, whatever is pushed meanwhile. It is named by what it
// says and deleted when no BuildSet names it.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:shortName=repostate,categories=gozer
// +kubebuilder:printcolumn:name="Project",type=string,JSONPath=`.spec.project.name`
// +kubebuilder:printcolumn:name="Branches",type=integer,JSONPath=`.spec.branches`
// +kubebuilder:printcolumn:name="Tags",type=integer,JSONPath=`.spec.tags`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type RepositoryState struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the state.
	Spec RepositoryStateSpec `json:"spec"`
}

// RepositoryStateList is a list of RepositoryStates.
//
// +kubebuilder:object:root=true
type RepositoryStateList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []RepositoryState `json:"items"`
}
