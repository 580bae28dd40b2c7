package noderequest

import (
	"context"
	"crypto/ed25519"
	"encoding/pem"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/build"
	"github.com/gozer-dev/gozer/controllers/patch"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/naming"
	"github.com/gozer-dev/gozer/internal/podspec"
	"github.com/gozer-dev/gozer/internal/token"
)

// keys of one request. They follow from the installation's key and the
// request's identity, so that whoever makes them again makes the same ones.
type keys struct {
	hostPrivate, clientPrivate []byte
	hostPublic, clientPublic   string
}

func (r *Reconciler) keys(request *gozer.NodeRequest) (keys, error) {
	subject := fmt.Sprintf("%s/%s/%s", request.Namespace, request.Name, request.UID)
	var k keys
	var err error
	if k.hostPrivate, k.hostPublic, err = sshKey(r.Key.Seed("ssh-host/" + subject)); err != nil {
		return k, err
	}
	k.clientPrivate, k.clientPublic, err = sshKey(r.Key.Seed("ssh-client/" + subject))
	return k, err
}

// sshKey makes an ed25519 key in OpenSSH's formats.
func sshKey(seed []byte) (private []byte, public string, err error) {
	key := ed25519.NewKeyFromSeed(seed)
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		return nil, "", err
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		return nil, "", err
	}
	return pem.EncodeToMemory(block), strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey()))), nil
}

// giveKeys makes the Secret of a build that needs no nodes.
func (r *Reconciler) giveKeys(ctx context.Context, s *scope) error {
	k, err := r.keys(s.request)
	if err != nil {
		return err
	}
	return patch.Create(ctx, r.Client, r.secret(s, k))
}

// launch makes the Secret and the Pods of a request, and notes them in its status.
func (r *Reconciler) launch(ctx context.Context, s *scope, pools []string) error {
	k, err := r.keys(s.request)
	if err != nil {
		return err
	}
	if len(s.nodes) == 0 {
		if err := patch.Create(ctx, r.Client, r.secret(s, k)); err != nil {
			return err
		}
	}
	for n, node := range s.wanted() {
		label, ok := labelOf(s.pools, pools[n], node.Label)
		if !ok {
			return fmt.Errorf("pool %s lost the label %s", pools[n], node.Label)
		}
		if s.nodes[n] != nil {
			continue
		}
		if err := patch.Create(ctx, r.Client, r.pod(s, n, pools[n], label)); err != nil {
			return err
		}
	}
	r.pending(s, k, pools, r.Now())
	return nil
}

// launched notes the Pods that were made and are not noted yet; it says whether
// they still are what the pools have.
func (r *Reconciler) launched(s *scope) bool {
	k, err := r.keys(s.request)
	if err != nil {
		r.fail(s, err.Error())
		return false
	}
	var pools []string
	since := r.Now()
	for n := range s.wanted() {
		pod := s.nodes[n]
		pools = append(pools, pod.Labels[LabelPool])
		if made := pod.CreationTimestamp.Time; made.Before(since) {
			since = made
		}
	}
	return r.pending(s, k, pools, since)
}

// pending notes the nodes that start.
func (r *Reconciler) pending(s *scope, k keys, pools []string, since time.Time) bool {
	st := &s.request.Status
	st.Nodes = nil
	for n, node := range s.wanted() {
		label, ok := labelOf(s.pools, pools[n], node.Label)
		if !ok {
			r.impossible(s, fmt.Sprintf("pool %s lost the label %s", pools[n], node.Label))
			return false
		}
		st.Nodes = append(st.Nodes, gozer.NodeStatus{
			Name: node.Name, Label: node.Label, Pod: naming.NodePod(s.request.Name, launchOf(s.request), n), User: podspec.UserName(label.User), Home: label.Home, HostKey: k.hostPublic,
		})
	}
	st.State, st.Message = gozer.NodesPending, "node Pods are starting"
	st.LaunchedAt = convert.MicroTime(since)
	return true
}

func labelOf(pools []gozer.NodePool, pool, name string) (gozer.NodeLabel, bool) {
	for _, p := range pools {
		if p.Name != pool {
			continue
		}
		n := slices.IndexFunc(p.Spec.Labels, func(l gozer.NodeLabel) bool { return l.Name == name })
		if n >= 0 {
			return p.Spec.Labels[n], true
		}
	}
	return gozer.NodeLabel{}, false
}

// secret has the keys of nodes and executor, and the tokens of this attempt. Each Pod mounts only its own.
func (r *Reconciler) secret(s *scope, k keys) *corev1.Secret {
	q := s.request
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: q.Namespace, Name: q.Name, Labels: map[string]string{gozer.LabelBuild: q.Spec.Build}, OwnerReferences: owner(q)},
		Immutable:  ptr(true),
		Data: map[string][]byte{
			podspec.KeyHostKey: k.hostPrivate, podspec.KeyAuthorizedKey: []byte(k.clientPublic + "\n"), podspec.KeyClientKey: k.clientPrivate,
			podspec.KeyGitToken: []byte(r.Key.For(token.Git, build.Scope(q.Namespace, s.build.Spec.BuildSet))),
			podspec.KeyLogToken: []byte(r.Key.For(token.Log, build.LogSubject(q.Namespace, q.Spec.Build, q.Spec.Attempt))),
		},
	}
}

func ptr[T any](v T) *T { return &v }

func owner(q *gozer.NodeRequest) []metav1.OwnerReference {
	return []metav1.OwnerReference{*metav1.NewControllerRef(q, gozer.GroupVersion.WithKind("NodeRequest"))}
}

func (r *Reconciler) pod(s *scope, n int, pool string, l gozer.NodeLabel) *corev1.Pod {
	q := s.request
	return podspec.NodePod(podspec.Node{
		Namespace: q.Namespace, Name: naming.NodePod(q.Name, launchOf(q), n),
		Labels: map[string]string{
			gozer.LabelRole: RoleNode, gozer.LabelNodeRequest: q.Name, gozer.LabelLaunch: launchOf(q).String(), gozer.LabelNode: strconv.Itoa(n), gozer.LabelBuild: q.Spec.Build,
			gozer.LabelBuildSet: s.build.Spec.BuildSet, gozer.LabelPipeline: s.build.Spec.Pipeline, LabelPool: pool,
		},
		Owner: owner(q)[0], Secret: q.Name, Gozer: r.Image,
		Image: podspec.Image{Name: l.Image, Pull: l.ImagePullPolicy}, User: l.User, Home: l.Home,
		Resources: l.Resources, NodeSelector: l.NodeSelector, Tolerations: l.Tolerations,
		Deadline: int64(build.Deadline(s.build.Spec.Job).Seconds()),
	})
}

// release takes the Pods and the Secret away, and with them what the executor
// of the attempt was given of secrets.
func (r *Reconciler) release(ctx context.Context, s *scope) error {
	if err := r.deletePods(ctx, s, func(*corev1.Pod) bool { return true }); err != nil {
		return err
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.request.Namespace, Name: s.request.Name}}
	if err := patch.Delete(ctx, r.Client, secret); err != nil {
		return err
	}
	if s.build != nil && build.HasSecrets(s.build) {
		if err := patch.Delete(ctx, r.Client, build.SecretOf(s.request.Namespace, s.build.Name, s.request.Spec.Attempt)); err != nil {
			return err
		}
	}
	if s.request.Status.State != gozer.NodesFailed {
		s.request.Status.Message = ""
	}
	s.request.Status.State = gozer.NodesReleased
	if _, err := patch.Status(ctx, r.Client, s.request, s.before); client.IgnoreNotFound(err) != nil {
		return err
	}
	return nil
}

func (r *Reconciler) deletePods(ctx context.Context, s *scope, which func(*corev1.Pod) bool) error {
	for n := range s.pods {
		if p := &s.pods[n]; p.DeletionTimestamp == nil && which(p) {
			if err := patch.Delete(ctx, r.Client, p); err != nil {
				return err
			}
		}
	}
	return nil
}
