package configlang

import "regexp"

// Objects are what a set of files defines, in order.
type Objects struct {
	Pipelines []Pipeline
	Jobs      []Job
	Projects  []Project
	Templates []Project
	NodeSets  []NodeSet
	Queues    []Queue
}

// Job is one definition or variant of a job (Zuul: job).
type Job struct {
	Pos  Pos
	Name string
	// Parent is nil when it is not given; NoParent when it is given as null.
	Parent      *string
	NoParent    bool
	Description string

	Abstract *bool
	Voting   *bool
	// Branches restrict the changes that the variant is for.
	Branches []Matcher
	// Files and IrrelevantFiles restrict it by what a change touches; nil when not given.
	Files           []Matcher
	IrrelevantFiles []Matcher
	// Dependencies are nil when not given.
	Dependencies     []Dependency
	NodeSet          *NodeSet
	NodeSetName      string
	Timeout          *int64
	PostTimeout      *int64
	Attempts         *int32
	PreRun           []PlaybookRef
	Run              []PlaybookRef
	PostRun          []PlaybookRef
	RequiredProjects []RequiredProject
	Vars             map[string]any
}

// PlaybookRef is a path in the repository that defines the job.
type PlaybookRef struct {
	Pos  Pos
	Path string
}

// RequiredProject is another repository of a job's workspace.
type RequiredProject struct {
	Pos  Pos
	Name string
}

// Dependency is a job that must come first.
type Dependency struct {
	Pos  Pos
	Name string
	Soft bool
}

// Matcher is a regular expression, maybe negated. It matches at the start.
type Matcher struct {
	Pos    Pos
	Source string
	Negate bool
	re     *regexp.Regexp
}

// Match says whether the text fulfils the matcher.
func (m Matcher) Match(text string) bool {
	loc := m.re.FindStringIndex(text)
	return (len(loc) > 0 && loc[0] == 0) != m.Negate
}

// NodeSet is a set of nodes (Zuul: nodeset).
type NodeSet struct {
	Pos    Pos
	Name   string
	Nodes  []Node
	Groups []NodeGroup
}

// Node is one node of a nodeset.
type Node struct {
	Pos   Pos
	Name  string
	Label string
}

// NodeGroup names some nodes of a nodeset.
type NodeGroup struct {
	Pos   Pos
	Name  string
	Nodes []string
}

// Queue is a change queue that projects may share (Zuul: queue).
type Queue struct {
	Pos       Pos
	Name      string
	PerBranch bool
}

// Project is a project stanza, or a project-template.
type Project struct {
	Pos  Pos
	Name string
	// Templates are names of project-templates.
	Templates []Ref
	Branches  []Matcher
	Queue     *Ref
	MergeMode string
	Vars      map[string]any
	// Pipelines in the order of the file.
	Pipelines []ProjectPipeline
}

// Ref is a name that refers to another object.
type Ref struct {
	Pos  Pos
	Name string
}

// ProjectPipeline is what a project does in a pipeline.
type ProjectPipeline struct {
	Pos      Pos
	Pipeline string
	// Jobs are variants: usually only a name.
	Jobs []Job
}

// Pipeline is a workflow (Zuul: pipeline).
type Pipeline struct {
	Pos         Pos
	Name        string
	Manager     string
	Description string
	Precedence  string
	PostReview  bool
	Supersedes  []Ref
	Triggers    []Trigger
	Require     []Requirement
	Reject      []Requirement
	Reporters   map[string][]Reporter // occasion: start, success, failure, dequeue
	Messages    map[string]string     // start, success, failure, merge-conflict, footer

	Window, WindowFloor, WindowCeiling *int32
	WindowIncreaseType                 string
	WindowIncreaseFactor               *int32
	WindowDecreaseType                 string
	WindowDecreaseFactor               *int32
}

// Trigger is one event filter of a connection.
type Trigger struct {
	Pos                                         Pos
	Connection                                  string
	Event                                       string
	Actions, Branches, Comments, States, Labels []string
}

// Requirement is what a change of a connection must have, or must not have.
type Requirement struct {
	Pos                                  Pos
	Connection                           string
	Open, Merged, Draft, CurrentPatchset *bool
	Reviews                              []Review
	Labels                               []string
}

// Review matches one reviewer's verdict.
type Review struct{ Type, Username, Permission string }

// Reporter is what to do on a connection.
type Reporter struct {
	Pos        Pos
	Connection string
	Status     string
	Comment    bool
	Merge      bool
}
