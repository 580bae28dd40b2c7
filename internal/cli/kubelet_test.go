package cli

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/httpstream"      //nolint:staticcheck // as in forward.go
	"k8s.io/apimachinery/pkg/util/httpstream/spdy" //nolint:staticcheck // as in forward.go
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/podspec"
)

// kubelet forwards every port of every Pod to one address, as a real one does to
// the Pod's: for each connection there is a stream of data and one for errors.
func kubelet(t *testing.T, to string) *httptest.Server {
	t.Helper()
	return httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/portForward/") {
			http.NotFound(w, r)
			return
		}
		if _, err := httpstream.Handshake(r, w, []string{"portforward.k8s.io"}); err != nil {
			t.Error(err)
			return
		}
		conn := spdy.NewResponseUpgrader().UpgradeResponse(w, r, func(s httpstream.Stream, _ <-chan struct{}) error {
			if s.Headers().Get(corev1.StreamType) == corev1.StreamTypeData {
				go pipe(s, to)
			} else {
				go s.Close()
			}
			return nil
		})
		if conn != nil {
			<-conn.CloseChan()
		}
	}))
}

func pipe(s httpstream.Stream, to string) {
	defer s.Close()
	c, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", to)
	if err != nil {
		return
	}
	defer c.Close()
	go func() {
		_, _ = io.Copy(c, s) // it ends with either side
		c.Close()
	}()
	_, _ = io.Copy(s, c)
}

// heldNode makes a Pod that runs on a kubelet, with the key that lets in.
func heldNode(t *testing.T, c client.Client, name, kubelet, hostKey string, key []byte) {
	t.Helper()
	host, port, err := net.SplitHostPort(kubelet)
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.ParseInt(port, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	machine := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "machine"}}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: name,
		Labels:      map[string]string{gozer.LabelRole: roleNode, gozer.LabelNodeState: string(gozer.NodeHold)},
		Annotations: map[string]string{gozer.AnnotationHostKey: hostKey, gozer.AnnotationKeySecret: name + "-ssh"}},
		Spec: corev1.PodSpec{NodeName: "machine", Containers: []corev1.Container{{Name: "node", Image: "x"}}}}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: name + "-ssh"}, Data: map[string][]byte{podspec.KeyClientKey: key}}
	for _, o := range []client.Object{machine, pod, secret} {
		if err := c.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	machine.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: host}}
	machine.Status.DaemonEndpoints.KubeletEndpoint.Port = int32(number)
	pod.Status.Phase, pod.Status.PodIP, pod.Status.PodIPs = corev1.PodRunning, "10.0.0.1", []corev1.PodIP{{IP: "10.0.0.1"}}
	for _, o := range []client.Object{machine, pod} {
		if err := c.Status().Update(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
}

// testSSHThroughTheServer logs into a node through a real API server.
func testSSHThroughTheServer(t *testing.T, c client.Client, gozerctl func(context.Context, streamWriter, ...string) int) {
	address, hostKey, key := node(t)
	server := kubelet(t, address)
	defer server.Close()
	heldNode(t, c, "kept-n0", server.Listener.Addr().String(), hostKey, key)
	var out bytes.Buffer
	if code := gozerctl(t.Context(), &out, "ssh", "kept-n0", "echo", "found"); code != 0 || out.String() != "found\n" {
		t.Errorf("exit code %d: %s", code, &out)
	}
	server.CloseClientConnections()
	server.Close()
	out.Reset()
	if code := gozerctl(t.Context(), &out, "ssh", "kept-n0", "true"); code == 0 {
		t.Errorf("without a kubelet the exit code is %d: %s", code, &out)
	}
}
