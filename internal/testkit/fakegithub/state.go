package fakegithub

import (
	"fmt"
	"strings"
	"time"
)

// user is a person, a bot or an organization.
type user struct {
	id          int64
	login, kind string
	email       string
}

// Repo is a repository. Its methods are what people do there.
type Repo struct {
	s             *Server
	id            int64
	owner, name   string
	dir           string
	private       bool
	defaultBranch string
	parent        *Repo
	methods       []string
	next          int
	pulls         []*Pull
	roles         map[string]string
	heads         map[string]string
	statuses      map[string][]*Status
	checks        []*CheckRun
	suites        []*suite
	protections   map[string]*Protection
	rulesets      []*Ruleset
	labels        map[string]int64
	createdAt     time.Time
	updatedAt     time.Time
}

// Name is the full one: "acme/api".
func (r *Repo) Name() string { return r.owner + "/" + r.name }

// Pull is a pull request. Its methods are what people do with it.
type Pull struct {
	// Number and Repo name it.
	Number int
	Repo   *Repo

	id                             int64
	title, body, author            string
	closed, draft, merged          bool
	createdAt, updatedAt, closedAt time.Time
	mergedBy, mergeCommit          string
	headRepo                       *Repo
	headRef, head                  string
	base, baseCommit               string
	labels                         []string
	reviews                        []*Review
	comments                       []*Comment
	threads                        []bool
	unknown                        int
	tried                          map[string]string // test merges by head and base; none of a conflict
	filesAt                        string
	filesThen                      []changedFile
}

// Name of the pull request: "acme/api#1".
func (p *Pull) Name() string { return fmt.Sprintf("%s#%d", p.Repo.Name(), p.Number) }

// Ref is where its head can be fetched from.
func (p *Pull) Ref() string { return fmt.Sprintf("refs/pull/%d/head", p.Number) }

// Review of a pull request.
type Review struct {
	ID int64
	// State is APPROVED, CHANGES_REQUESTED, COMMENTED, DISMISSED or PENDING.
	User, State, Body, Commit string
	SubmittedAt               time.Time
}

// Comment on a pull request.
type Comment struct {
	ID                   int64
	User, Body           string
	CreatedAt, UpdatedAt time.Time
}

// Status of a commit.
type Status struct {
	ID                                     int64
	Context, State, Description, TargetURL string
	Creator                                string
	CreatedAt                              time.Time
}

// CheckRun is a check of a commit.
type CheckRun struct {
	ID, Suite                         int64
	Name, HeadSHA, Status, Conclusion string
	ExternalID, DetailsURL            string
	Title, Summary, Text              string
	Annotations                       []Object
	Actions                           []Object
	App                               string
	StartedAt, CompletedAt            time.Time
}

type suite struct {
	id                  int64
	sha, branch, app    string
	before              string
	createdAt, updateAt time.Time
}

// Protection of a branch, of the older kind.
type Protection struct {
	// Contexts of statuses and checks that must be successful; Apps are who must
	// set them, by context, where that matters.
	Contexts []string
	Apps     map[string]string
	// Strict wants the branch to be up to date.
	Strict bool
	// Reviews is how many approvals are needed; DismissStale forgets them when the
	// head moves.
	Reviews      int
	DismissStale bool
	// Conversations must be resolved.
	Conversations bool
	LinearHistory bool
	// Locked lets nobody push.
	Locked bool
	// Admins are bound as well.
	Admins bool

	id int64
}

// Ruleset protects branches, in the newer way.
type Ruleset struct {
	Name string
	// Branches that it is for: "~ALL", "~DEFAULT_BRANCH" or "refs/heads/…", with *.
	Branches []string
	// Contexts that must be successful, and the Apps that must set them.
	Contexts []string
	Apps     map[string]string
	// Pull says that there must be a pull request, with so many Reviews. Methods are
	// how it may be merged, any when empty.
	Pull          bool
	Methods       []string
	Reviews       int
	DismissStale  bool
	Conversations bool
	LinearHistory bool
	// Strict wants the branch to be up to date.
	Strict bool
	// Locked forbids updates.
	Locked bool

	id int64
}

// Installation of the App.
type Installation struct {
	s           *Server
	ID          int64
	Account     string
	permissions map[string]string
	selected    []string // full names; all when nil
	suspended   time.Time
	removed     bool
	createdAt   time.Time
}

// has says whether the App sees a repository through the installation.
func (i *Installation) has(r *Repo) bool {
	if i.removed || !strings.EqualFold(i.Account, r.owner) {
		return false
	}
	if i.selected == nil {
		return true
	}
	for _, name := range i.selected {
		if strings.EqualFold(name, r.Name()) {
			return true
		}
	}
	return false
}

// user by login, who is made when needed. The lock must be held.
func (s *Server) user(login string) *user {
	u := s.users[strings.ToLower(login)]
	if u == nil {
		kind := "User"
		if strings.HasSuffix(login, "[bot]") {
			kind = "Bot"
		}
		u = &user{id: s.id(), login: login, kind: kind}
		s.users[strings.ToLower(login)] = u
	}
	return u
}

// app is the id of an App by its slug. The lock must be held.
func (s *Server) app(slug string) int64 {
	if s.apps[slug] == 0 {
		s.apps[slug] = s.id()
	}
	return s.apps[slug]
}

// installation of a repository, if there is one. The lock must be held.
func (s *Server) installation(r *Repo) *Installation {
	for _, i := range s.installations {
		if i.has(r) {
			return i
		}
	}
	return nil
}

func (r *Repo) pull(number int) *Pull {
	for _, p := range r.pulls {
		if p.Number == number {
			return p
		}
	}
	return nil
}

// role of a user: "admin", "maintain", "write", "triage", "read" or "none".
func (r *Repo) role(login string) string {
	switch i := r.s.installation(r); {
	case r.roles[strings.ToLower(login)] != "":
		return r.roles[strings.ToLower(login)]
	case login == r.s.bot() && i != nil && i.permissions["contents"] == "write":
		return "write"
	case strings.EqualFold(login, r.owner):
		return "admin"
	case r.private:
		return "none"
	}
	return "read"
}

// writes says whether a user's reviews count.
func (r *Repo) writes(login string) bool {
	role := r.role(login)
	return role == "admin" || role == "maintain" || role == "write"
}
