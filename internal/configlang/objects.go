package configlang

import (
	"sync"

	"github.com/gozer-dev/gozer/internal/zuulregex"
)

// File is what one file says. It is shared and never changed.
type File struct {
	// Content is the text, for snippets.
	Content string
	Pragma  Pragma

	Pipelines  []*Pipeline
	Jobs       []*Job
	Templates  []*Project
	Projects   []*Project
	NodeSets   []*NodeSet
	Secrets    []*Secret
	Semaphores []*Semaphore
	Queues     []*Queue
	Images     []*Image
	Flavors    []*Flavor
	Labels     []*Label
	Sections   []*Section
	Providers  []*Provider

	Problems []Problem

	// index finds where lines start, when somebody asks.
	index  sync.Once
	starts []int32
}

// Pragma is how the objects of one file get implied branch matchers (Zuul: pragma).
type Pragma struct {
	// ImpliedBranchMatchers turns them on or off; nil leaves it to the project.
	ImpliedBranchMatchers *bool
	// ImpliedBranches replace the branch of the file; nil when not given.
	ImpliedBranches []Matcher
}

// Matcher is a regular expression of the configuration; negated ones match what it does not.
type Matcher struct {
	Regex  *zuulregex.Regex
	Negate bool
}

// Match says whether the text matches from its start.
func (m Matcher) Match(text string) bool { return m.Regex.Match(text) != m.Negate }

// Search says whether the text matches anywhere.
func (m Matcher) Search(text string) bool { return m.Regex.Search(text) != m.Negate }

// Ref is a name that refers to another object.
type Ref struct {
	Name string
	Pos  Pos
}

// NodeSet is a set of nodes for a job, or a list of such sets to try in order.
type NodeSet struct {
	// Name is empty for one that is written where it is used.
	Name   string
	Pos    Pos
	Nodes  []Node
	Groups []NodeGroup
	// Alternatives are tried in order; then there are no nodes of its own.
	Alternatives []Alternative
}

// Alternative is a nodeset by name or written out.
type Alternative struct {
	Name    string
	NodeSet *NodeSet
}

// Node asks for one machine. It may have several names in the inventory.
type Node struct {
	Names []string
	Label string
	Pos   Pos
}

// NodeGroup names some nodes of a nodeset.
type NodeGroup struct {
	Name  string
	Nodes []string
	Pos   Pos
}

// Secret is private data of one project (Zuul: secret).
type Secret struct {
	Name string
	Pos  Pos
	// Data has JSON values, and Encrypted where the file has !encrypted/pkcs1-oaep.
	Data map[string]any
}

// Encrypted is ciphertext for the project's key: PKCS#1 OAEP, base64, in chunks.
type Encrypted struct{ Chunks []string }

// Semaphore bounds how many builds run at once (Zuul: semaphore).
type Semaphore struct {
	Name string
	Pos  Pos
	Max  int64
}

// Queue is a change queue that projects may share (Zuul: queue).
type Queue struct {
	Name                      string
	Pos                       Pos
	PerBranch                 bool
	AllowCircularDependencies bool
	DependenciesByTopic       bool
}

// Image is a name for what nodes run (Zuul: image).
type Image struct {
	Name, Type, Description string
	Pos                     Pos
}

// Flavor is a name for the size of nodes (Zuul: flavor).
type Flavor struct {
	Name, Description string
	Pos               Pos
}

// Label is an image on a flavor (Zuul: label).
type Label struct {
	Name, Image, Flavor, Description string
	MinReady, MaxReadyAge            int64
	Pos                              Pos
}

// Section is a part of a provider that others build on (Zuul: section).
type Section struct {
	Name, Parent, Connection, Description string
	Abstract                              bool
	Pos                                   Pos
	// Config is everything that it says, in JSON values.
	Config map[string]any
}

// Provider is where nodes come from (Zuul: provider).
type Provider struct {
	Name, Section, Description string
	Pos                        Pos
	Config                     map[string]any
}

// Project is a project stanza or a project-template.
type Project struct {
	// Name as written; empty for the repository that the stanza is in. A name
	// that begins with ^ is a regular expression.
	Name string
	Pos  Pos
	// NameRegex is set for a name that is a regular expression.
	NameRegex     *zuulregex.Regex
	Templates     []string
	Branches      []Matcher
	MergeMode     string
	DefaultBranch string
	Queue         string
	Vars          map[string]any
	// Pipelines in the order of the file.
	Pipelines []ProjectPipeline
}

// ProjectPipeline is what a project does in a pipeline.
type ProjectPipeline struct {
	Name string
	Pos  Pos
	// Jobs are variants, most of them a name only; the same one twice is there once.
	Jobs     []*Job
	Debug    bool
	FailFast *bool
}

// Pipeline returns what the stanza does in a pipeline.
func (p *Project) Pipeline(name string) *ProjectPipeline {
	for i := range p.Pipelines {
		if p.Pipelines[i].Name == name {
			return &p.Pipelines[i]
		}
	}
	return nil
}
