package story

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
)

// Settings say where everything is. The Makefile gives them in the environment.
type Settings struct {
	// Build is where everything that make makes lies; Bin has the binaries.
	Build, Bin string
	// Chart is the directory of the Helm chart.
	Chart string
	// Kubeconfig of the cluster's administrator.
	Kubeconfig string
	// OwnCluster tells that the cluster is the user's and not made by hack/cluster.
	OwnCluster bool
	// ClusterDir and ClusterName are those of the local cluster.
	ClusterDir, ClusterName string
	// GozerImage, without a tag, and NodeImage.
	GozerImage, NodeImage string
	// Forge is the Gitea, as its administrator.
	Forge Gitea
	// WebURL is where the forge and people reach the Service gozer-web.
	WebURL string
	// HookURL is where the forge sends its webhooks, when it is not WebURL.
	HookURL string
	// Mergers is the number of mergers, when it is not the chart's.
	Mergers int
	// OnePod runs manager, merger and web in one Pod.
	OnePod bool
}

// NodePort of gozer-web on the local cluster.
const NodePort = 30080

// Namespace of the operator.
const Namespace = "gozer-system"

// FromEnv reads the settings, and says what is missing.
func FromEnv() (Settings, error) {
	s := Settings{
		Build: os.Getenv("BUILD"), Bin: os.Getenv("BIN"), Chart: os.Getenv("CHART"), Kubeconfig: os.Getenv("KUBECONFIG"),
		OwnCluster: os.Getenv("OWN_CLUSTER") != "", ClusterDir: os.Getenv("CLUSTER_DIR"), ClusterName: os.Getenv("CLUSTER_NAME"),
		GozerImage: os.Getenv("GOZER_IMAGE"), NodeImage: os.Getenv("NODE_IMAGE"),
		Forge:  Gitea{URL: os.Getenv("GITEA_URL"), User: os.Getenv("GITEA_ADMIN_USER"), Token: os.Getenv("GITEA_ADMIN_TOKEN")},
		WebURL: os.Getenv("WEB_URL"),
	}
	for name, value := range map[string]string{
		"BUILD": s.Build, "BIN": s.Bin, "CHART": s.Chart, "KUBECONFIG": s.Kubeconfig, "GOZER_IMAGE": s.GozerImage, "NODE_IMAGE": s.NodeImage,
	} {
		if value == "" {
			return s, fmt.Errorf("the environment has no %s: run this by make (make demo, make test-e2e)", name)
		}
	}
	if _, err := os.Stat(s.Kubeconfig); err != nil {
		return s, fmt.Errorf("there is no cluster: %w; make demo and make test-e2e start one", err)
	}
	if s.Forge.URL != "" {
		return s, nil
	}
	return s, s.localForge()
}

// localForge reads where the local cluster's Gitea is.
func (s *Settings) localForge() error {
	path := filepath.Join(s.ClusterDir, "gitea.json")
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("there is no Gitea: %w; make gitea-up starts one", err)
	}
	var c struct{ URL, User, Token string }
	if err := json.Unmarshal(data, &c); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	s.Forge = Gitea{URL: c.URL, User: c.User, Token: c.Token}
	u, err := url.Parse(c.URL)
	if err != nil {
		return err
	}
	if s.WebURL == "" {
		s.WebURL = fmt.Sprintf("http://%s:%d", u.Hostname(), NodePort)
	}
	return nil
}

// Dir keeps what is made here: passwords and manifests.
func (s *Settings) Dir() string {
	if s.OwnCluster {
		return filepath.Join(s.Build, "demo")
	}
	return filepath.Join(s.ClusterDir, "demo")
}
