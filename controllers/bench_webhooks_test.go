package controllers_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/hosts"
	"github.com/gozer-dev/gozer/internal/intake"
	"github.com/gozer-dev/gozer/internal/testkit/fakegithub"
)

// BenchmarkWebhooks takes signed webhooks of GitHub in, against the real API server
// on the same machine: as many as it can, and a hundred a second, with what one
// waits for its answer, which comes when its TriggerEvent is stored.
func BenchmarkWebhooks(b *testing.B) {
	url := benchIntake(b)
	const many, senders = 5000, 32
	b.Run("as many as it can", func(b *testing.B) {
		for b.Loop() {
			began := time.Now()
			took := post(b, url, many, senders, 0)
			b.ReportMetric(float64(many)/time.Since(began).Seconds(), "webhooks/s")
			reportTimes(b, took)
		}
	})
	b.Run("100 a second", func(b *testing.B) {
		for b.Loop() {
			reportTimes(b, post(b, url, 2000, senders, 10*time.Millisecond))
		}
	})
}

// benchIntake is an intake of a connection of GitHub, as the web role has it.
func benchIntake(b *testing.B) string {
	cfg := rest.CopyConfig(restConfig)
	cfg.QPS = -1 // as the web role: the API server has limits of its own
	c, err := client.New(cfg, client.Options{Scheme: testScheme(b)})
	if err != nil {
		b.Fatal(err)
	}
	namespace := fmt.Sprintf("webhooks-%d", worlds.Add(1))
	for _, o := range []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}},
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "github"}, Data: map[string][]byte{hosts.KeyToken: []byte("t"), hosts.KeyWebhookSecret: []byte(githubSecret)}},
		&gozer.Connection{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "github"}, Spec: gozer.ConnectionSpec{Driver: "github", URL: "https://github.com", SecretName: "github"}},
	} {
		if err := c.Create(b.Context(), o); err != nil {
			b.Fatal(err)
		}
	}
	mux := http.NewServeMux()
	mux.Handle("POST /api/connection/{connection}/payload", &intake.Handler{
		Connections: &hosts.Registry{Reader: c, Namespace: namespace, Now: time.Now}, Store: intake.Cluster{Client: c, Namespace: namespace}, Log: logr.Discard(), Now: time.Now})
	server := httptest.NewServer(mux)
	b.Cleanup(server.Close)
	return server.URL + "/api/connection/github/payload"
}

var benchComments int

// post sends so many different webhooks, each of 20 KB, and tells how long each
// waited. With a pace one is sent in each of its intervals.
func post(b *testing.B, url string, n, senders int, pace time.Duration) []time.Duration {
	b.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: senders}
	defer transport.CloseIdleConnections()
	sender := &http.Client{Transport: transport}
	work := make(chan []byte, senders)
	var mu sync.Mutex
	var took []time.Duration
	var all sync.WaitGroup
	for range senders {
		all.Go(func() {
			for body := range work {
				r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, url, bytes.NewReader(body))
				if err != nil {
					b.Error(err)
					return
				}
				r.Header.Set("X-GitHub-Event", "issue_comment")
				r.Header.Set("X-GitHub-Delivery", fmt.Sprintf("%x", body[len(body)-20:]))
				r.Header.Set("X-Hub-Signature-256", "sha256="+fakegithub.Sign(body, githubSecret))
				began := time.Now()
				resp, err := sender.Do(r)
				if err != nil {
					b.Error(err)
					return
				}
				resp.Body.Close() //nolint:errcheck // its status is all
				if resp.StatusCode != http.StatusOK {
					b.Errorf("answered %s", resp.Status)
				}
				mu.Lock()
				took = append(took, time.Since(began))
				mu.Unlock()
			}
		})
	}
	filler := bytes.Repeat([]byte("x"), 20_000)
	next := time.Now()
	for range n {
		benchComments++
		work <- fmt.Appendf(nil, `{"action":"created","x":%q,"issue":{"number":7,"pull_request":{}},"comment":{"id":%d,"body":"recheck"},"repository":{"full_name":"acme/api"},"sender":{"login":"ann"}}`, filler, benchComments)
		if next = next.Add(pace); pace > 0 {
			time.Sleep(time.Until(next)) // the pace is what is measured at
		}
	}
	close(work)
	all.Wait()
	return took
}

func reportTimes(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "P50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "P99-ms")
}
