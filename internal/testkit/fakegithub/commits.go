package fakegithub

import (
	"strconv"
	"strings"
	"time"
)

// changedFile is one file that a pull request changes.
type changedFile struct {
	name, was, status string
	additions         int
	deletions         int
	sha               string
}

// files that the pull request changes. They are kept until a commit is another.
func (p *Pull) files() []changedFile {
	if at := p.baseCommit + p.head; p.filesAt != at {
		p.filesAt, p.filesThen = at, p.readFiles()
	}
	return p.filesThen
}

// readFiles asks git.
func (p *Pull) readFiles() []changedFile {
	start, err := p.Repo.git("git", nil, "merge-base", p.baseCommit, p.head)
	p.Repo.s.must(err)
	raw, err := p.Repo.git("git", nil, "diff", "-M", "--raw", "--abbrev=40", "-z", start, p.head)
	p.Repo.s.must(err)
	numbers, err := p.Repo.git("git", nil, "diff", "--no-renames", "--numstat", "-z", start, p.head)
	p.Repo.s.must(err)
	counts := map[string][2]int{}
	for line := range strings.SplitSeq(numbers, "\x00") {
		if f := strings.SplitN(line, "\t", 3); len(f) == 3 {
			added, _ := strconv.Atoi(f[0]) //nolint:errcheck // "-" of a binary file is none
			gone, _ := strconv.Atoi(f[1])  //nolint:errcheck // likewise
			counts[f[2]] = [2]int{added, gone}
		}
	}
	return rawFiles(strings.Split(raw, "\x00"), counts)
}

func rawFiles(parts []string, counts map[string][2]int) []changedFile {
	kinds := map[byte]string{'A': "added", 'D': "removed", 'M': "modified", 'R': "renamed", 'C': "copied", 'T': "changed"}
	var out []changedFile
	for i := 0; i+1 < len(parts); {
		head := strings.Fields(parts[i])
		if len(head) < 5 {
			break
		}
		f := changedFile{name: parts[i+1], status: kinds[head[4][0]], sha: head[3]}
		i += 2
		if f.status == "renamed" || f.status == "copied" {
			f.was, f.name = f.name, parts[i]
			i++
		}
		f.additions, f.deletions = counts[f.name][0], counts[f.name][1]
		out = append(out, f)
	}
	return out
}

func (p *Pull) size() (files, additions, deletions int) {
	for _, f := range p.files() {
		files, additions, deletions = files+1, additions+f.additions, deletions+f.deletions
	}
	return files, additions, deletions
}

func (r *Repo) fileObject(f changedFile) Object {
	web := r.s.html("/%s/blob/%s", r.Name(), f.name)
	out := Object{"filename": f.name, "status": f.status, "additions": f.additions, "deletions": f.deletions, "changes": f.additions + f.deletions,
		"sha": f.sha, "blob_url": web, "raw_url": web, "contents_url": r.s.api("/repos/%s/contents/x", r.Name())}
	if f.was != "" {
		out["previous_filename"] = f.was
	}
	return out
}

// commitInfo is what git says of a commit.
type commitInfo struct {
	sha, tree, name, email, message string
	parents                         []string
	date                            time.Time
}

func (r *Repo) info(sha string) (commitInfo, error) {
	out, err := r.git("git", nil, "log", "-1", "--format=%H%x00%T%x00%P%x00%an%x00%ae%x00%cI%x00%B", sha, "--")
	if err != nil {
		return commitInfo{}, err
	}
	f := strings.SplitN(out, "\x00", 7)
	date, err := time.Parse(time.RFC3339, f[5])
	return commitInfo{sha: f[0], tree: f[1], parents: strings.Fields(f[2]), name: f[3], email: f[4], date: date, message: strings.TrimSpace(f[6])}, err
}

// commitObject as the API has it.
func (r *Repo) commitObject(sha string) Object {
	c, err := r.info(sha)
	r.s.must(err)
	person := Object{"name": c.name, "email": c.email, "date": stamp(c.date)}
	own := r.s.api("/repos/%s/commits/%s", r.Name(), c.sha)
	return Object{"sha": c.sha, "node_id": "C_" + c.sha, "url": own, "html_url": r.s.html("/%s/commit/%s", r.Name(), c.sha), "comments_url": own + "/comments",
		"author": r.s.userObject(c.name), "committer": r.s.userObject(c.name),
		"parents": objects(c.parents, func(p string) Object { return Object{"sha": p, "url": r.s.api("/repos/%s/commits/%s", r.Name(), p)} }),
		"commit": Object{"message": c.message, "author": person, "committer": person, "tree": Object{"sha": c.tree, "url": own},
			"url": own, "comment_count": 0, "verification": Object{"verified": false, "reason": "unsigned", "signature": nil, "payload": nil}}}
}

// pushedCommit is a commit as webhooks have it.
func (r *Repo) pushedCommit(sha string) Object {
	c, err := r.info(sha)
	r.s.must(err)
	person := Object{"name": c.name, "email": c.email, "username": c.name}
	return Object{"id": c.sha, "tree_id": c.tree, "message": c.message, "timestamp": stamp(c.date), "url": r.s.html("/%s/commit/%s", r.Name(), c.sha),
		"author": person, "committer": person, "distinct": true, "added": []any{}, "removed": []any{}, "modified": []any{}}
}

// resolve finds the commit of a branch, tag or (part of a) hash.
func (r *Repo) resolve(ref string) (string, bool) {
	for _, name := range []string{"refs/heads/" + ref, "refs/tags/" + ref, "refs/" + ref, ref} {
		if sha, err := r.git("git", nil, "rev-parse", "--verify", "--quiet", name+"^{commit}"); err == nil {
			return sha, true
		}
	}
	return "", false
}
