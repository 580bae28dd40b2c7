package web

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"

	"github.com/gozer-dev/gozer/internal/model"
)

const (
	tailLines = 200
	tailBytes = 128 << 10
)

// tail is the end of a log.
type tail struct {
	Text string
	// Cut says that there is more before it.
	Cut bool
	// Missing says why there is no text.
	Missing string
	// Next is where the log goes on.
	Next int64
}

// tail asks the manager for the end of a log. A page without it is a page.
func (s *server) tail(ctx context.Context, path string) tail {
	resp, err := s.ask(ctx, http.MethodHead, path)
	if err != nil {
		return tail{Missing: "The log cannot be read now."}
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return missing(resp.StatusCode)
	}
	offset := max(0, resp.ContentLength-tailBytes)
	resp, err = s.ask(ctx, http.MethodGet, fmt.Sprintf("%s?offset=%d", path, offset))
	if err != nil {
		return tail{Missing: "The log cannot be read now."}
	}
	defer resp.Body.Close() //nolint:errcheck // a body that was read
	if resp.StatusCode != http.StatusOK {
		return missing(resp.StatusCode)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, 2*tailBytes))
	if err != nil {
		return tail{Missing: "The log cannot be read now."}
	}
	out := tailOf(string(data), offset > 0)
	out.Next = offset + int64(len(data))
	return out
}

func missing(status int) tail {
	if status == http.StatusNotFound {
		return tail{Missing: "There is no log: it has not begun, or it is older than logs are kept."}
	}
	return tail{Missing: "The log cannot be read now."}
}

// tailOf is the last lines of a text; cut says that its first line is a part of one.
func tailOf(text string, cut bool) tail {
	if cut {
		if _, rest, ok := strings.Cut(text, "\n"); ok {
			text = rest
		}
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) > tailLines {
		lines, cut = lines[len(lines)-tailLines:], true
	}
	for i := range lines {
		lines[i] = plain(lines[i])
	}
	out := tail{Text: strings.Join(lines, "\n"), Cut: cut}
	if strings.TrimSpace(out.Text) == "" {
		out.Missing = "The log is empty."
	}
	return out
}

// Escape sequences of terminals: colours and the like, titles and links.
var terminal = regexp.MustCompile("\x1b\\[[0-?]*[ -/]*[@-~]|\x1b\\][^\x07\x1b]*(?:\x07|\x1b\\\\)")

// plain takes out of a line what would not show, or would show something else:
// control characters, and those that change the direction of text.
func plain(line string) string {
	line = terminal.ReplaceAllString(strings.ToValidUTF8(line, "\uFFFD"), "")
	line = strings.TrimSuffix(line, "\r")
	if i := strings.LastIndexByte(line, '\r'); i >= 0 {
		line = line[i+1:] // a progress bar: what a terminal would show in the end
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return r
		case model.Unprintable(r):
			return '\uFFFD'
		}
		return r
	}, line)
}
