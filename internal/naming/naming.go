// Package naming gives objects their names. A name is made of what makes the
// object distinct, so that creating it twice is AlreadyExists, and it starts
// with words that a person recognises.
//
// Names are at most 63 characters long: they are label values as well.
package naming

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/gozer-dev/gozer/internal/model"
)

// Lengths of the recognisable parts.
const (
	pipelineLength = 10
	projectLength  = 12
	jobLength      = 10
	queueLength    = 24
)

// Item is the name of a change in a pipeline, brought there by an event.
func Item(pipeline string, c model.Change, event string) string {
	id := digest(pipeline, c.Project.Canonical(), fmt.Sprint(c.Number), c.Patchset, event)
	return fmt.Sprintf("%s-%s-%d-%s", slug(pipeline, pipelineLength), slug(c.Project.ShortName(), projectLength), c.Number%10_000_000, id[:8])
}

// Tick is the name of the event that a pipeline's time came for a branch.
func Tick(tenant, pipeline string, p model.Project, branch string, at time.Time) string {
	id := digest(tenant, pipeline, p.Canonical(), branch, at.UTC().Format(time.RFC3339))
	return fmt.Sprintf("tick-%s-%s-%s", slug(pipeline, pipelineLength), slug(p.ShortName(), projectLength), id[:20])
}

// SharedQueue is the name of a dependent pipeline's queue.
func SharedQueue(pipeline, queue string) string {
	return fmt.Sprintf("%s-%s-%s", slug(pipeline, pipelineLength), slug(queue, queueLength), digest(pipeline, queue)[:6])
}

// BuildSet is the name of an item's buildset for an epoch.
func BuildSet(item string, epoch int32) string { return fmt.Sprintf("%s-%d", item, epoch) }

// Alternative is the name of the buildset that tests an item of an epoch where
// it would stand on another item's epoch.
func Alternative(item string, epoch int32, ahead string, aheadEpoch int32) string {
	return fmt.Sprintf("%s-or-%s", BuildSet(item, epoch), digest(ahead, fmt.Sprint(aheadEpoch))[:6])
}

// Build is the name of a job in a buildset. The content is what the job was
// frozen to: two different ones never share a name.
func Build(buildSet, job, content string) string {
	return fmt.Sprintf("%s-%s-%s", buildSet, slug(job, jobLength), digest(buildSet, job, content)[:6])
}

// NodeRequest is the name of the request of a build's attempt, and of its Secret.
func NodeRequest(build string, attempt int32) string { return fmt.Sprintf("%s-%d", build, attempt) }

// Launch is one of a request's tries to get nodes.
type Launch struct {
	// Alternative of the request, and how many launches of it failed before.
	Alternative, Failed int32
}

// NodePod is the name of one node of a request.
func NodePod(request string, l Launch, index int) string {
	if l == (Launch{}) {
		return fmt.Sprintf("%s-n%d", request, index)
	}
	return fmt.Sprintf("%s-%s-n%d", request, l, index)
}

// String is short: it is part of names, and a label's value.
func (l Launch) String() string { return fmt.Sprintf("a%dl%d", l.Alternative, l.Failed) }

// ParseLaunch reads what String wrote.
func ParseLaunch(text string) (Launch, error) {
	var l Launch
	_, err := fmt.Sscanf(text, "a%dl%d", &l.Alternative, &l.Failed)
	return l, err
}

// Before says whether a launch was over before the other began.
func (l Launch) Before(o Launch) bool {
	return l.Alternative < o.Alternative || l.Alternative == o.Alternative && l.Failed < o.Failed
}

// WarmNode is the name of a node Pod that waits for a build, and of its Secret:
// the number is never given twice.
func WarmNode(pool, tenant, label string, number int64) string {
	return fmt.Sprintf("warm-%s-%s", slug(label, projectLength), digest(pool, tenant, label, fmt.Sprint(number))[:12])
}

// Hold is the name of a request to keep nodes of a job, by what is asked for.
func Hold(job string, parts ...string) string {
	return fmt.Sprintf("%s-%s", slug(job, queueLength), digest(append([]string{job}, parts...)...)[:8])
}

// HeldKey is the name of the Secret with the key of a node that is kept.
func HeldKey(pod string) string { return pod + "-ssh" }

// Template of a node is a short digest of what it is made of.
func Template(content string) string { return digest(content)[:16] }

// ExecutorPod is the name of the Pod that runs a build's attempt.
func ExecutorPod(build string, attempt int32) string { return fmt.Sprintf("%s-%d-x", build, attempt) }

// Returned is the name of the Secret with what a build's attempt has returned.
func Returned(build string, attempt int32) string { return fmt.Sprintf("%s-%d-data", build, attempt) }

// RepositoryState is the name of what a repository had, by its digest. It has the
// hour in it: one that nobody uses is deleted some hours later, and nobody begins
// to use an old one.
func RepositoryState(digest string, now time.Time) string {
	return "refs-" + digest[:20] + "-" + now.UTC().Format("2006010215")
}

// Semaphore is the name of the object of a tenant's semaphore: the same, if it can be.
func Semaphore(name string) string {
	if Label(name) == name {
		return name
	}
	return fmt.Sprintf("%s-%s", slug(name, queueLength), digest(name)[:8])
}

func digest(parts ...string) string {
	d := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(d, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(d.Sum(nil))
}

// slug makes a text fit for the start of a name.
func slug(text string, n int) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		}
		return '-'
	}, strings.ToLower(text))
	if len(text) > n {
		text = text[:n]
	}
	text = strings.Trim(text, "-")
	if text == "" {
		return "x"
	}
	return text
}

// Label makes any text fit for a label's value.
func Label(text string) string { return slug(text, 63) }
