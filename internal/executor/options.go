package executor

import (
	"io"
	"net/http"
	"os"
	"time"

	"github.com/gozer-dev/gozer/internal/buildspec"
)

// Options of Run. The zero value is what an executor Pod uses.
type Options struct {
	// Paths default to those of buildspec.
	SpecFile      string
	ClientKeyFile string
	GitTokenFile  string
	LogTokenFile  string
	SecretsFile   string
	ParentsDir    string
	OutcomeFile   string
	WorkDir       string
	// TrustedDir, UntrustedDir, AnsibleDir and RunnersDir default to those of buildspec.
	TrustedDir, UntrustedDir, AnsibleDir, RunnersDir string
	// PrivateDir is for this process alone; default the directory for temporary files.
	PrivateDir string
	// AgentBinary is where gozer lies on the nodes, RunnerBinary where it lies in
	// the containers that run Ansible; default "gozer".
	AgentBinary, RunnerBinary string

	// Stdout takes the same lines as the log; default os.Stdout.
	Stdout io.Writer
	// Client sends the log; default: one with a timeout for each request.
	Client *http.Client
	// Now is the clock of the log's time stamps; default time.Now.
	Now func() time.Time

	// GitBackoff spaces the attempts to fetch; default about four minutes in all.
	GitBackoff Backoff
	// GitTimeout bounds one git command; default 10 minutes.
	GitTimeout time.Duration
	// FetchTimeout bounds all fetching with all attempts; default 30 minutes.
	FetchTimeout time.Duration
	// NodeTimeout is how long a node may take until it answers; default 60 s.
	NodeTimeout time.Duration
	// NodeKeepAlive is how often a node is asked whether it is there; it is
	// lost after three intervals without an answer. Default 15 s.
	NodeKeepAlive time.Duration
	// RunnerTimeout is how long the containers for Ansible may take to start; default 10 minutes.
	RunnerTimeout time.Duration
	// SetupTimeout bounds what is done before the first playbook of Ansible:
	// reaching all nodes, and evaluating the variables; default 60 s.
	SetupTimeout time.Duration
	// KillGrace is the time between SIGTERM and SIGKILL for what runs on a node; default 5 s.
	KillGrace time.Duration

	// CleanupTimeout bounds each cleanup playbook when the build was stopped; default
	// buildspec.MaxCleanup.
	CleanupTimeout time.Duration

	// MaxLogBytes bounds what is kept of the nodes' output; default 64 MiB.
	MaxLogBytes int64
	// LogInterval is how often new bytes of the log are sent, if there are any; default 100 ms.
	LogInterval time.Duration
	// LogGiveUp is how long the end of the log is tried to be sent; default 5 minutes.
	LogGiveUp time.Duration
	// LogBackoff is the longest pause between attempts to send; default 10 s.
	LogBackoff time.Duration
	// LogOnStop replaces LogGiveUp when the build was stopped; default 5 s.
	LogOnStop time.Duration
}

func (o Options) withDefaults() Options {
	setDefault(&o.SpecFile, buildspec.SpecFile)
	setDefault(&o.ClientKeyFile, buildspec.ClientKeyFile)
	setDefault(&o.GitTokenFile, buildspec.GitTokenFile)
	setDefault(&o.LogTokenFile, buildspec.LogTokenFile)
	setDefault(&o.SecretsFile, buildspec.SecretsFile)
	setDefault(&o.ParentsDir, buildspec.ParentsDir)
	setDefault(&o.OutcomeFile, buildspec.OutcomeFile)
	setDefault(&o.WorkDir, buildspec.WorkDir)
	setDefault(&o.TrustedDir, buildspec.TrustedDir)
	setDefault(&o.UntrustedDir, buildspec.UntrustedDir)
	setDefault(&o.AnsibleDir, buildspec.AnsibleDir)
	setDefault(&o.RunnersDir, buildspec.RunnersDir)
	setDefault(&o.PrivateDir, os.TempDir())
	setDefault(&o.AgentBinary, buildspec.AgentBinary)
	setDefault(&o.RunnerBinary, "gozer")
	setDefault(&o.GitBackoff, Backoff{First: time.Second, Max: 30 * time.Second, Attempts: 12})
	setDefault(&o.GitTimeout, 10*time.Minute)
	setDefault(&o.FetchTimeout, 30*time.Minute)
	setDefault(&o.NodeTimeout, time.Minute)
	setDefault(&o.NodeKeepAlive, 15*time.Second)
	setDefault(&o.RunnerTimeout, 10*time.Minute)
	setDefault(&o.SetupTimeout, time.Minute)
	setDefault(&o.KillGrace, 5*time.Second)
	setDefault(&o.CleanupTimeout, buildspec.MaxCleanup)
	setDefault(&o.MaxLogBytes, 64<<20)
	setDefault(&o.LogInterval, 100*time.Millisecond)
	setDefault(&o.LogGiveUp, 5*time.Minute)
	setDefault(&o.LogBackoff, 10*time.Second)
	setDefault(&o.LogOnStop, 5*time.Second)
	if o.Stdout == nil {
		o.Stdout = os.Stdout
	}
	if o.Client == nil {
		o.Client = &http.Client{
			Timeout: 30 * time.Second,
			// The token is for the log store and nobody it points to.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

func setDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}
