package aptsource

import (
	"testing"
	"testing/fstest"
)

func TestFind(t *testing.T) {
	const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
	cases := map[string]struct {
		files map[string]string
		want  Source
		fails bool
	}{
		"deb822": {
			files: map[string]string{"sources.list.d/debian.sources": `Types: deb
# a comment
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: ` + keyring + `

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
`},
			want: Source{URI: "http://mirror.example/debian", Suite: "bookworm", Keyring: keyring},
		},
		"classic": {
			files: map[string]string{"sources.list": `# deb http://old.example/debian stretch main
deb-src http://mirror.example/debian trixie main
deb http://mirror.example/debian-security trixie-security main
deb [ arch=amd64 signed-by=/k.gpg ] https://mirror.example/debian trixie main contrib # here
`},
			want: Source{URI: "https://mirror.example/debian", Suite: "trixie", Keyring: "/k.gpg"},
		},
		"other vendors are passed over": {
			files: map[string]string{
				"sources.list.d/a.list":    "deb https://packages.example/apt cloud-sdk main\n",
				"sources.list.d/b.sources": "Types: deb\nURIs: https://b.example/node\nSuites: nodistro\n",
				"sources.list.d/c.sources": "Enabled: no\nTypes: deb\nURIs: https://off.example/debian\nSuites: sid\n",
				"sources.list.d/z.list":    "deb https://mirror.example/debian/ bookworm main\n",
			},
			want: Source{URI: "https://mirror.example/debian/", Suite: "bookworm"},
		},
		"values over several lines, a key inside": {
			files: map[string]string{"sources.list.d/d.sources": "Types: deb deb-src\nURIs:\n http://mirror.example/debian\nSuites: bookworm\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n"},
			want:  Source{URI: "http://mirror.example/debian", Suite: "bookworm"},
		},
		"nothing": {files: map[string]string{"sources.list": "# empty\n"}, fails: true},
		"disabled file names": {
			files: map[string]string{"sources.list.d/d.sources.disabled": "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm\n"},
			fails: true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			etc := fstest.MapFS{}
			for path, text := range tc.files {
				etc[path] = &fstest.MapFile{Data: []byte(text)}
			}
			got, err := Find(etc)
			if got != tc.want || (err != nil) != tc.fails {
				t.Errorf("got %+v, %v, want %+v", got, err, tc.want)
			}
		})
	}
}
