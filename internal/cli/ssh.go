package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/nodeview"
	"github.com/gozer-dev/gozer/internal/podspec"
	"github.com/gozer-dev/gozer/internal/statusview"
)

func (e *env) sshCommand(name string) *cobra.Command {
	c := &cobra.Command{
		Use:   "ssh NODE [COMMAND...]",
		Short: "Log into a node that a build has, or that is held",
		Long: `Log into a node that a build has, or that is held.

The connection goes through the API server, as that of "kubectl port-forward" does; the program
ssh does the rest. The node's key is in a Secret of the tenant's namespace: it is in a file that only
you can read while ssh runs. The node's own key is known, so nobody can stand in for it.`,
		Example: fmt.Sprintf(`  %[1]s ssh -n acme gate-web-2-da085243-1-web-unit-530dee-1-n0
  %[1]s ssh -n acme gate-web-2-da085243-1-web-unit-530dee-1-n0 tail -n 20 test.log`, name),
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("give a node; `nodes` lists those that there are")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if err := e.connect(); err != nil {
				return err
			}
			return e.ssh(c.Context(), args[0], args[1:])
		},
	}
	c.Flags().SetInterspersed(false) // what follows the node is for the node, with its flags
	return c
}

// door is how one gets into a node.
type door struct {
	pod *corev1.Pod
	// hostKey of the node, and the Secret with the key that lets in.
	hostKey, secret string
}

func (e *env) ssh(ctx context.Context, node string, command []string) error {
	d, err := e.doorOf(ctx, node)
	if err != nil {
		return err
	}
	var secret corev1.Secret
	if err := e.client.Get(ctx, client.ObjectKey{Namespace: e.namespace, Name: d.secret}, &secret); err != nil {
		return e.explainKey(err, d)
	}
	dir, err := os.MkdirTemp("", "gozerctl-ssh-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // only its owner can read it
	key, known := filepath.Join(dir, "key"), filepath.Join(dir, "known_hosts")
	if err := errors.Join(os.WriteFile(key, secret.Data[podspec.KeyClientKey], 0o600), os.WriteFile(known, []byte(node+" "+d.hostKey+"\n"), 0o600)); err != nil {
		return err
	}
	address, stop, err := e.forward(ctx, e.namespace, node, buildspec.SSHPort)
	if err != nil {
		return fmt.Errorf("cannot reach node %s: %w; it takes a role that may create pods/portforward in %s", node, err, e.namespace)
	}
	defer stop()
	return e.openSSH(ctx, node, address, key, known, command)
}

// doorOf finds how to get into a node: a held one says it itself, of others their
// request does.
func (e *env) doorOf(ctx context.Context, node string) (*door, error) {
	var pod corev1.Pod
	err := e.client.Get(ctx, client.ObjectKey{Namespace: e.namespace, Name: node}, &pod)
	if apierrors.IsNotFound(err) || err == nil && pod.Labels[gozer.LabelRole] != roleNode {
		return nil, fmt.Errorf("tenant %s has no node %s; `nodes` lists those that there are", e.namespace, statusview.Clean(node))
	}
	if err != nil {
		return nil, e.explainNodes(err, false)
	}
	d := &door{pod: &pod, hostKey: pod.Annotations[gozer.AnnotationHostKey], secret: pod.Annotations[gozer.AnnotationKeySecret]}
	switch state := nodeview.StateOf(&pod); state {
	case gozer.NodeHold:
		return d, nil
	case gozer.NodeInUse:
	case gozer.NodeReady:
		return nil, fmt.Errorf("no build has node %s yet: it waits for one", node)
	default:
		return nil, fmt.Errorf("node %s is %s: nobody can log in now", node, state)
	}
	var q gozer.NodeRequest
	if err := e.client.Get(ctx, client.ObjectKey{Namespace: e.namespace, Name: pod.Labels[gozer.LabelNodeRequest]}, &q); err != nil {
		return nil, e.explainNodes(err, false)
	}
	for _, n := range q.Status.Nodes {
		if n.Pod == node {
			d.hostKey, d.secret = n.HostKey, cmp.Or(n.Secret, q.Name)
			return d, nil
		}
	}
	return nil, fmt.Errorf("node %s is not ready for its build yet; try again in a moment", node)
}

func (e *env) explainKey(err error, d *door) error {
	switch {
	case apierrors.IsForbidden(err):
		return fmt.Errorf("you may not read the key of node %s: %w; it takes a role that may get secrets in %s", d.pod.Name, err, e.namespace)
	case apierrors.IsNotFound(err):
		return fmt.Errorf("the key of node %s is gone: its build is over, and nobody holds it; `autohold` keeps nodes of builds that fail", d.pod.Name)
	}
	return err
}

// openSSH runs the program ssh. Nothing of the user's own configuration counts:
// it is not about an address that changes each time.
func (e *env) openSSH(ctx context.Context, node, address, key, known string, command []string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if _, err := strconv.Atoi(port); err != nil {
		return err
	}
	args := []string{"-F", "/dev/null", "-p", port, "-l", podspec.UserName, "-i", key}
	for _, o := range []string{
		"IdentitiesOnly=yes", "IdentityAgent=none", "ForwardAgent=no", "PasswordAuthentication=no",
		"UserKnownHostsFile=" + known, "GlobalKnownHostsFile=/dev/null", "StrictHostKeyChecking=yes", "HostKeyAlias=" + node, "LogLevel=ERROR",
	} {
		args = append(args, "-o", o)
	}
	cmd := exec.CommandContext(ctx, "ssh", append(append(args, "--", host), command...)...) //nolint:gosec // it is what the user asked for
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, e.Out, e.Err
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	err = cmd.Run()
	var ended *exec.ExitError
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return fmt.Errorf("there is no program ssh: %w; install OpenSSH's client", err)
	case errors.As(err, &ended) && ended.ExitCode() > 0:
		return exitError{code: ended.ExitCode(), error: errors.New("")} // ssh, or the command, has said why
	}
	return err
}
