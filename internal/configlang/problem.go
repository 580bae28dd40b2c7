package configlang

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Pos is a place in a file. Line and Column count from 1; Line 0 is the file as a whole.
type Pos struct {
	Line, Column int32
	// Width of the marked text in characters.
	Width int32
}

// Severity of a Problem.
type Severity string

// An error leaves an object out; a warning does not.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
)

// Names of problems, as Zuul shows them. What has no name there has none here.
const (
	NameUnknownError         = "Unknown Configuration Error"
	NameUnknownWarning       = "Unknown Configuration Warning"
	NameNodeFromGroup        = "Node From Group Not Found"
	NameDuplicateNode        = "Duplicate Node"
	NameDuplicateGroup       = "Duplicate Nodeset Group"
	NameNodesetNotFound      = "Nodeset Not Found"
	NameProjectNotFound      = "Project Not Found"
	NameTemplateNotFound     = "Template Not Found"
	NamePipelineForbidden    = "Pipeline Forbidden"
	NameProjectForbidden     = "Project Forbidden"
	NameUnknownConnection    = "Unknown Connection"
	NameLabelForbidden       = "Label Forbidden"
	NameMaxTimeout           = "Max Timeout Exceeded"
	NameGlobalSemaphore      = "Global Semaphore Not Found"
	NameMultipleConfig       = "Multiple Project Configurations"
	NameRegexDeprecation     = "Regex Deprecation"
	NameCleanupRun           = "Cleanup Run Deprecation"
	NameGerritRequire        = "Gerrit require-approval Deprecation"
	NameGerritReject         = "Gerrit reject-approval Deprecation"
	NameGithubEventList      = "Github event list Deprecation"
	NameGithubRequested      = "Github requested action Deprecation"
	NameGithubRequireStatus  = "Github require-status Deprecation"
	NameGithubUnlabel        = "Github unlabel Deprecation"
	NameGithubStatusURL      = "Github status-url Deprecation"
	NameGithubTriggerWarning = "Github Trigger Configuration Warning"
	NamePagureStatusURL      = "Pagure status-url Deprecation"
)

// Stanza says which object a problem is about.
type Stanza struct {
	// Kind is the word that the object is written with, e.g. "project-template".
	Kind string
	Name string
	Pos  Pos
}

// Problem is one thing that is wrong with a file.
type Problem struct {
	Severity Severity
	// Name is one of the constants above, or empty.
	Name    string
	Message string
	// Hint says what to do.
	Hint string
	// At is the exact place.
	At Pos
	// Stanza is the object; without a kind for the file as a whole.
	Stanza Stanza
	// Attr is the attribute that a warning is about.
	Attr string
	// Further errors come after the first of their object; the first decides.
	Further bool
}

const (
	// maxProblems bounds what is told of one file.
	maxProblems = 100
	// maxMessage bounds one message: names in it come from strangers.
	maxMessage = 600
	// maxQuoted bounds what a message quotes, so that there is room for what is said of it.
	maxQuoted = 300
)

// Bound makes a text that may hold what strangers wrote short, and fit for a terminal.
func Bound(text string) string { return bound(text, maxMessage) }

// brief does so for a part of a message.
func brief(text string) string { return bound(text, maxQuoted) }

func bound(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if r != '\n' && unicode.IsControl(r) {
			return '?'
		}
		return r
	}, text)
	if len(text) <= most {
		return text
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}

func (p *parser) add(problem Problem) {
	p.told++
	switch {
	case p.told <= maxProblems || problem.Stanza.Kind != "" && !problem.Further && p.told <= 10*maxProblems:
		problem.Message = Bound(problem.Message)
		problem.Stanza.Name = Bound(problem.Stanza.Name)
		p.file.Problems = append(p.file.Problems, problem)
	case !p.tooMany:
		p.tooMany = true
		p.file.Problems = append(p.file.Problems, Problem{
			Severity: SeverityError, Message: "the file has more errors than are shown", Hint: "correct these first", Further: true,
		})
	}
}

// fail records an error of the present object, or of the file if there is none.
func (p *parser) fail(at Pos, hint, format string, args ...any) {
	p.failAs("", at, hint, format, args...)
}

// failAs records an error that has a name.
func (p *parser) failAs(name string, at Pos, hint, format string, args ...any) {
	p.add(Problem{
		Severity: SeverityError, Name: name, At: at, Hint: hint, Message: fmt.Sprintf(format, args...),
		Stanza: p.stanza, Further: p.broken && p.stanza.Kind != "",
	})
	p.broken = true
}

// warn records a warning about an attribute of the present object.
func (p *parser) warn(name string, at Pos, attr, hint, format string, args ...any) {
	p.add(Problem{
		Severity: SeverityWarning, Name: name, At: at, Hint: hint, Message: fmt.Sprintf(format, args...), Stanza: p.stanza, Attr: attr,
	})
}
