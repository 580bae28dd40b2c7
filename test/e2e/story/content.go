package story

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

// files has the repositories as they begin, and the manifests.
//
//go:embed all:repos manifests
var files embed.FS

// Repositories of the story, and the trusted one that configures them.
const (
	Tenant     = "acme"
	ConfigRepo = "acme/config"
	APIRepo    = "acme/api"
	WebRepo    = "acme/web"
)

// seed is what a repository begins with.
func seed(repo string) (map[string]string, error) {
	root := "repos/" + shortName(repo)
	out := map[string]string{}
	err := fs.WalkDir(files, root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := files.ReadFile(path)
		out[strings.TrimPrefix(path, root+"/")] = string(data)
		return err
	})
	return out, err
}

// owned says whether a file of the seed is ours to keep as it is: the others
// are changed by the story.
func owned(path string) bool {
	return !strings.HasPrefix(path, "routes/") && !strings.HasPrefix(path, "pages/")
}

func shortName(repo string) string { return repo[strings.LastIndex(repo, "/")+1:] }

// proposal is what one pull request of a round proposes.
type proposal struct {
	letter, repo, title string
	files               map[string]string
	// needs is the letter of the change that a Depends-On line names.
	needs string
}

// proposals of the n-th round. Login is the status with which /login answers now.
//
//	A  adds a route
//	B  changes how /login answers
//	C  adds a page that can deal with /login as it is: alone it works, with B it does not
//	D  adds a page that needs A's route
//	E  adds another route
func proposals(n int, login string) []proposal {
	other := map[string]string{"200": "303", "303": "200"}[login]
	users, orders := fmt.Sprintf("users-%d", n), fmt.Sprintf("orders-%d", n)
	return []proposal{
		{letter: "A", repo: APIRepo, title: "A: answer GET /" + users, files: map[string]string{"routes/" + users + ".route": "200\n"}},
		{letter: "B", repo: APIRepo, title: fmt.Sprintf("B: GET /login answers %s, not %s", other, login), files: map[string]string{"routes/login.route": other + "\n"}},
		{letter: "C", repo: WebRepo, title: "C: a page to sign in", files: map[string]string{fmt.Sprintf("pages/signin-%d.page", n): "login " + login + "\n"}},
		{letter: "D", repo: WebRepo, title: "D: a page of all users", files: map[string]string{"pages/" + users + ".page": users + " 200\n"}, needs: "A"},
		{letter: "E", repo: APIRepo, title: "E: answer GET /" + orders, files: map[string]string{"routes/" + orders + ".route": "200\n"}},
	}
}
