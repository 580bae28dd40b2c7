package executor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/model"
)

// build is one attempt. prepare fills it from top to bottom.
type build struct {
	opts     Options
	spec     *buildspec.Spec
	keys     clientKeys
	gitToken string
	logToken string
	// secrets of the job, by name; each playbook gets those that it names.
	secrets buildspec.Secrets
	// parentVars are what parents have returned: variables below all others.
	parentVars map[string]any
	// secretVars are what parents have returned in secret, for all playbooks of Ansible.
	secretVars map[string]any
	log        *buildLog

	plan workspace
	// ansible runs playbooks of Ansible; nil where the build has none.
	ansible *ansibleRunners
	// executable says of every script whether it is run by itself.
	executable map[string]bool
	nodes      []*node
	// failing says, before the end, that the build fails; watched are the lines that do.
	failing *failing
	watched []*regexp.Regexp
}

// Run is the role: it runs the build of the specification and writes the
// outcome. ctx is to end with SIGTERM. An error means that there is no outcome,
// or that the Pod is not set up as it should be.
func Run(ctx context.Context, o Options) error {
	o = o.withDefaults()
	b, err := load(o)
	if err != nil {
		return errors.Join(err, writeOutcome(o.OutcomeFile, buildspec.Outcome{
			Result: model.BuildError, Reason: "the executor could not start: " + err.Error(), LogBytes: -1,
		}))
	}
	defer b.log.file.Close()
	up := b.newUploader()
	upCtx, stopUp := context.WithCancel(context.WithoutCancel(ctx))
	defer stopUp()
	var uploading sync.WaitGroup
	uploading.Go(func() { up.Run(upCtx) })

	out := b.run(ctx)
	out.Reason, out.FirstFailure = b.log.hide.status(out.Reason, maxReason), b.log.hide.status(out.FirstFailure, maxReason)
	b.log.printf("Build %s, attempt %d: %s", b.spec.Build, b.spec.Attempt, out.Result)

	stopUp()
	uploading.Wait()
	out.LogBytes, err = b.finishLog(ctx, up)
	if err != nil {
		fmt.Fprintf(o.Stdout, "the log could not be stored: %v\n", err)
	}
	return writeOutcome(o.OutcomeFile, out)
}

func load(o Options) (*build, error) {
	b := &build{opts: o, spec: &buildspec.Spec{}, executable: map[string]bool{}, failing: newFailing()}
	raw, err := os.ReadFile(o.SpecFile)
	if err != nil {
		return nil, fmt.Errorf("specification: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber() // large numbers of variables stay what they are
	if err := d.Decode(b.spec); err != nil {
		return nil, fmt.Errorf("specification %s: %w", o.SpecFile, err)
	}
	if b.gitToken, err = readToken(o.GitTokenFile); err != nil {
		return nil, fmt.Errorf("git token: %w", err)
	}
	if b.logToken, err = readToken(o.LogTokenFile); err != nil {
		return nil, fmt.Errorf("log token: %w", err)
	}
	if b.keys, err = readKeys(o.ClientKeyFile, b.spec.Nodes); err != nil {
		return nil, err
	}
	if b.secrets, err = readSecrets(o.SecretsFile, b.spec); err != nil {
		return nil, err
	}
	parents, err := readParents(o.ParentsDir)
	if err != nil {
		return nil, fmt.Errorf("what the jobs before this one returned: %w", err)
	}
	b.parentVars, b.secretVars = parents.Data, unreserved(parents.Secret)
	b.log, err = newBuildLog(filepath.Join(o.PrivateDir, logFile), o.MaxLogBytes, o.Stdout, o.Now)
	if err != nil {
		return nil, err
	}
	b.log.hide = newHider(b.secrets)
	b.log.hide.add(b.secretVars)
	return b, nil
}

func readToken(path string) (string, error) {
	raw, err := os.ReadFile(path)
	return strings.TrimSpace(string(raw)), err
}

// problem is why an attempt ended before its playbooks.
type problem struct {
	result model.BuildResult
	err    error
}

// run has the order of things; see doc.go.
func (b *build) run(ctx context.Context) buildspec.Outcome {
	defer b.disconnect()
	for _, do := range []func(context.Context) *problem{b.layOut, b.fetch, b.findPlaybooks, b.includeVars, b.connect, b.send, b.startAnsible} {
		p := do(ctx)
		if ctx.Err() != nil {
			return buildspec.Outcome{Result: model.Retry, Reason: stoppedReason}
		}
		if p != nil {
			b.log.printf("%v", p.err)
			return buildspec.Outcome{Result: p.result, Reason: p.err.Error()}
		}
	}
	// A node that does not answer must not keep a stopped executor.
	unblock := context.AfterFunc(ctx, func() {
		time.AfterFunc(b.spec.CleanupTime()+2*afterKill, b.disconnect)
	})
	defer unblock()
	telling, stop := context.WithCancel(ctx)
	defer stop()
	go b.tellFailing(telling)
	out := b.handOver(ctx, b.overrule(b.phases(ctx)))
	b.keepFiles(ctx)
	return out
}

func (b *build) layOut(context.Context) *problem {
	b.log.printf("Build %s of job %s, attempt %d, in buildset %s", b.spec.Build, b.spec.Job, b.spec.Attempt, b.spec.BuildSet)
	for _, what := range b.spec.LeftOut {
		b.log.printf("Left out, for there is no room: %s", what)
	}
	var err error
	if b.plan, err = planWorkspace(b.spec); err == nil {
		err = validateNodes(b.spec.Nodes, b.spec.Scripts())
	}
	if err == nil {
		b.watched, err = watched(b.spec.FailureOutput)
	}
	if err == nil && len(b.plan.run) == 0 { // nothing that passed would have been tested
		err = fmt.Errorf("job %s has nothing to run: give it a `run` playbook", b.spec.Job)
	}
	if err != nil {
		return &problem{model.BuildError, err}
	}
	return nil
}

func (b *build) fetch(ctx context.Context) *problem {
	authority, err := b.gitAuthority()
	if err != nil {
		return &problem{model.Retry, err}
	}
	g := &git{
		place: func(c checkout) string { return b.opts.path(c.area, c.dir) }, home: b.opts.PrivateDir, baseURL: strings.TrimSuffix(b.spec.GitURL, "/"), token: b.gitToken, authority: authority,
		timeout: b.opts.GitTimeout, backoff: b.opts.GitBackoff, logf: b.log.printf,
	}
	ctx, cancel := context.WithTimeoutCause(ctx, b.opts.FetchTimeout,
		fmt.Errorf("the repositories could not be fetched within %s", b.opts.FetchTimeout))
	defer cancel()
	if err := g.fetchAll(ctx, b.plan.checkouts); err != nil {
		return &problem{model.Retry, err}
	}
	return nil
}

// gitAuthority puts the authority's certificate into a file, which git needs.
func (b *build) gitAuthority() (string, error) {
	if b.spec.GitAuthority == "" {
		return "", nil
	}
	path := filepath.Join(b.opts.PrivateDir, "git-authority.pem")
	if err := os.WriteFile(path, []byte(b.spec.GitAuthority), 0o600); err != nil {
		return "", fmt.Errorf("certificate authority of the merger: %w", err)
	}
	return path, nil
}

func (st step) script() string { return st.repo + "/" + st.playbook.Path }

// findPlaybooks looks for every playbook before anything runs.
func (b *build) findPlaybooks(context.Context) *problem {
	for _, steps := range [][]step{b.plan.preRun, b.plan.run, b.plan.after} {
		for _, st := range steps {
			x, err := st.isExecutable(b.opts.path(st.area, st.repo))
			if err != nil {
				return &problem{model.BuildError, err}
			}
			if !st.playbook.Ansible() {
				b.executable[st.script()] = x
			}
		}
	}
	return nil
}

func (b *build) connect(ctx context.Context) *problem {
	nodes := make([]*node, len(b.spec.Nodes))
	err := together(len(nodes), func(i int) (err error) {
		nodes[i], err = connect(ctx, b.spec.Nodes[i], b.keys, b.opts)
		return err
	})
	for _, n := range nodes {
		if n != nil {
			b.nodes = append(b.nodes, n)
		}
	}
	if err != nil {
		return &problem{model.Retry, err}
	}
	return nil
}

// send gives nodes the workspace. Playbooks of Ansible do that themselves, where
// they want it.
func (b *build) send(ctx context.Context) *problem {
	if !b.spec.Scripts() {
		return nil
	}
	err := together(len(b.nodes), func(i int) error {
		n := b.nodes[i]
		b.log.printf("Sending the workspace to node %s (%s)", n.Name, n.Label)
		vars, err := varsJSON(b.spec, n.Home)
		if err != nil {
			return err
		}
		if err := n.send(ctx, b.opts.WorkDir, b.opts.AgentBinary, vars); err != nil {
			return fmt.Errorf("node %s could not take the workspace: %w", n.Name, err)
		}
		return nil
	})
	if err != nil {
		return &problem{model.Retry, err}
	}
	return nil
}

// together runs do for 0..n-1 at once and returns the first error by number.
func together(n int, do func(i int) error) error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = do(i) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *build) disconnect() {
	b.ansible.close()
	for _, n := range b.nodes {
		_ = n.client.Close() // the build is over
	}
}

func (b *build) newUploader() *LogUploader {
	return &LogUploader{
		URL: b.spec.LogURL, Token: b.logToken, Client: b.opts.Client,
		Log: b.log.file, Length: b.log.length, Grown: b.log.grown,
		Interval: b.opts.LogInterval,
		Backoff:  Backoff{First: min(b.opts.LogInterval, b.opts.LogBackoff), Max: b.opts.LogBackoff},
	}
}

// finishLog has LogGiveUp to get the rest to the store, and LogOnStop once the
// executor is stopped.
func (b *build) finishLog(ctx context.Context, up *LogUploader) (int64, error) {
	fin, cancel := b.giveUp(ctx)
	defer cancel()
	return up.Finish(fin)
}

// giveUp is how long the manager, which may be away, is tried to be told something.
func (b *build) giveUp(ctx context.Context) (context.Context, context.CancelFunc) {
	fin, cancel := context.WithTimeout(context.WithoutCancel(ctx), b.opts.LogGiveUp)
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(b.opts.LogOnStop, cancel) })
	return fin, func() {
		stop()
		cancel()
	}
}
