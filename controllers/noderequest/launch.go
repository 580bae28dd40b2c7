package noderequest

import (
	"context"
	"crypto/ed25519"
	"encoding/pem"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/build"
	"github.com/gozer-dev/gozer/controllers/patch"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/naming"
	"github.com/gozer-dev/gozer/internal/nodes"
	"github.com/gozer-dev/gozer/internal/podspec"
	"github.com/gozer-dev/gozer/internal/token"
)

// keys of one request, or of one warm node. They follow from the installation's key and the
// identity of that object, so that whoever makes them again makes the same ones.
type keys struct {
	hostPrivate, clientPrivate []byte
	hostPublic, clientPublic   string
}

// keys of a request, or of a warm node.
func (r *Reconciler) keys(of client.Object) (keys, error) {
	subject := fmt.Sprintf("%s/%s/%s", of.GetNamespace(), of.GetName(), of.GetUID())
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

// giveKeys makes the Secret of the request.
func (r *Reconciler) giveKeys(ctx context.Context, s *scope) error {
	k, err := r.keys(s.request)
	if err != nil {
		return err
	}
	return patch.Create(ctx, r.Client, r.secret(s, k))
}

// launch takes warm nodes, makes the Secret and the other Pods of a request, and
// notes them in its status.
func (r *Reconciler) launch(ctx context.Context, s *scope, d nodes.Decision) error {
	if err := r.takeWarm(ctx, s, d.Take); err != nil {
		return err
	}
	if err := r.giveKeys(ctx, s); err != nil {
		return err
	}
	for n, node := range s.wanted() {
		if s.nodes[n] != nil {
			continue
		}
		label, ok := labelOf(s.pools, d.Pools[n], node.Label)
		if !ok {
			return fmt.Errorf("pool %s lost the label %s", d.Pools[n], node.Label)
		}
		pod := r.pod(s, n, label)
		if err := patch.Create(ctx, r.Client, pod); err != nil {
			return err
		}
		s.nodes[n] = pod
	}
	r.pending(s, r.Now())
	return nil
}

// launched notes the Pods that were made and are not noted yet; it says whether
// they still are what the pools have.
func (r *Reconciler) launched(s *scope) bool {
	since := r.Now()
	for _, pod := range s.nodes {
		// One that was warm is older than the request, and has started long ago.
		if made := pod.CreationTimestamp.Time; !isWarm(pod) && made.Before(since) {
			since = made
		}
	}
	return r.pending(s, since)
}

// pending notes the nodes that start.
func (r *Reconciler) pending(s *scope, since time.Time) bool {
	st := &s.request.Status
	st.Nodes = nil
	for n, node := range s.wanted() {
		pod := s.nodes[n]
		label, ok := labelOf(s.pools, pod.Labels[gozer.LabelPool], node.Label)
		if !ok {
			r.impossible(s, fmt.Sprintf("pool %s lost the label %s", pod.Labels[gozer.LabelPool], node.Label))
			return false
		}
		status := gozer.NodeStatus{Name: node.Name, Label: node.Label, Pod: pod.Name, User: userName(label.NodeLabel), Home: label.Home, PythonPath: label.PythonPath}
		owner := client.Object(s.request)
		if isWarm(pod) {
			owner, status.Secret = pod, pod.Name
		}
		k, err := r.keys(owner)
		if err != nil {
			r.fail(s, err.Error())
			return false
		}
		status.HostKey = k.hostPublic
		st.Nodes = append(st.Nodes, status)
	}
	st.State, st.Message = gozer.NodesPending, "node Pods are starting"
	st.LaunchedAt = convert.MicroTime(since)
	return true
}

// labelled is a label with the pool that it is of.
type labelled struct {
	gozer.NodeLabel
	pool gozer.NodePool
}

func labelOf(pools []gozer.NodePool, pool, name string) (labelled, bool) {
	for _, p := range pools {
		if p.Name != pool {
			continue
		}
		n := slices.IndexFunc(p.Spec.Labels, func(l gozer.NodeLabel) bool { return l.Name == name })
		if n >= 0 {
			return labelled{p.Spec.Labels[n], p}, true
		}
	}
	return labelled{}, false
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

func (r *Reconciler) pod(s *scope, n int, l labelled) *corev1.Pod {
	q := s.request
	p := r.node(l)
	p.Namespace, p.Name = q.Namespace, naming.NodePod(q.Name, launchOf(q), n)
	maps.Copy(p.Labels, s.labels(n))
	p.Owner, p.Secret, p.Deadline = owner(q)[0], q.Name, s.deadline(l.pool)
	return podspec.NodePod(p)
}

// deadline of a node, in seconds: its job's, and as long as it may be held. A Pod's
// deadline can be made shorter only, so it must leave the room from the start.
func (s *scope) deadline(pool gozer.NodePool) int64 {
	return int64((build.Deadline(s.build) + maxHoldAge(pool)).Seconds())
}

// node is what all Pods of a label have in common.
func (r *Reconciler) node(l labelled) podspec.Node {
	n := podspec.Node{
		Labels: map[string]string{gozer.LabelRole: RoleNode, gozer.LabelPool: l.pool.Name, gozer.LabelNodeLabel: naming.Label(l.Name)},
		Gozer:  r.Image, Image: podspec.Image{Name: l.Image, Pull: l.ImagePullPolicy}, Home: l.Home,
		User: userOf(l.NodeLabel), Root: l.Root != "", UserNamespace: l.UserNamespace,
		Resources: l.Resources, NodeSelector: l.NodeSelector, Tolerations: l.Tolerations,
		Shell: l.Shell, Volumes: volumesOf(l.NodeLabel), Mounts: mountsOf(l.NodeLabel),
	}
	for _, e := range l.Env {
		n.Env = append(n.Env, corev1.EnvVar{Name: e.Name, Value: e.Value})
	}
	if l.pool.Spec.QueueName != "" {
		n.Labels[labelQueue] = l.pool.Spec.QueueName
	}
	return n
}

// userOf a label's nodes, by number.
func userOf(l gozer.NodeLabel) int64 {
	if l.Root == gozer.RootAlways {
		return 0
	}
	return l.User
}

// userName is what playbooks call that user.
func userName(l gozer.NodeLabel) string {
	if l.Root == gozer.RootAlways {
		return podspec.RootName
	}
	return podspec.UserName
}

// labelQueue is how Kueue finds the Pods that it admits.
const labelQueue = "kueue.x-k8s.io/queue-name"

// labels of a node of the request, whether it is made for it or taken.
func (s *scope) labels(n int) map[string]string {
	return map[string]string{
		gozer.LabelNodeRequest: s.request.Name, gozer.LabelLaunch: launchOf(s.request).String(), gozer.LabelNode: strconv.Itoa(n),
		gozer.LabelBuild: s.request.Spec.Build, gozer.LabelBuildSet: s.build.Spec.BuildSet, gozer.LabelPipeline: s.build.Spec.Pipeline,
		gozer.LabelNodeState: string(gozer.NodeInUse),
	}
}

// release takes the Pods and the Secret away, and with them what the executor
// of the attempt was given of secrets. Nodes that a Hold wants stay.
func (r *Reconciler) release(ctx context.Context, s *scope) error {
	kept, err := r.keep(ctx, s)
	if err != nil {
		return err
	}
	if err := r.deletePods(ctx, s, func(p *corev1.Pod) bool { return !kept[p.UID] }); err != nil {
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
	r.promised.forget(s.request.Namespace, s.request.Name)
	if _, err := patch.Status(ctx, r.Client, s.request, s.before); client.IgnoreNotFound(err) != nil {
		return err
	}
	return nil
}

// leftOver takes Pods away that were made right before the release, which the cache
// did not show then. One that is not as it is shown may be a Hold's by now.
func (r *Reconciler) leftOver(ctx context.Context, s *scope) (ctrl.Result, error) {
	for n := range s.pods {
		p := &s.pods[n]
		if p.Labels[gozer.LabelHold] != "" {
			continue
		}
		if err := DeleteIdle(ctx, r.Client, p); apierrors.IsConflict(err) {
			return ctrl.Result{RequeueAfter: lookAgain}, nil
		} else if err != nil {
			return ctrl.Result{}, err
		}
	}
	return ctrl.Result{}, nil
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
