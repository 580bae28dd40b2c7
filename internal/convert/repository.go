package convert

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/repostate"
)

// RepositoryState keeps what a repository had.
func RepositoryState(namespace, name string, s repostate.State) (*gozer.RepositoryState, error) {
	packed, err := s.Refs.Pack()
	if err != nil {
		return nil, fmt.Errorf("repository %s: %w", s.Project.Canonical(), err)
	}
	branches, tags := s.Count()
	return &gozer.RepositoryState{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: gozer.RepositoryStateSpec{
			Project: ProjectRef(s.Project), Default: s.Default, Branches: int32(branches), Tags: int32(tags), Truncated: s.Truncated, Refs: packed,
		},
	}, nil
}

// FrozenState is what RepositoryState kept.
func FrozenState(r *gozer.RepositoryState) (repostate.State, error) {
	refs, err := repostate.Unpack(r.Spec.Refs)
	if err != nil {
		return repostate.State{}, fmt.Errorf("RepositoryState %s: %w", r.Name, err)
	}
	return repostate.State{Project: Project(r.Spec.Project), Default: r.Spec.Default, Refs: refs, Truncated: r.Spec.Truncated}, nil
}
