package convert

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/gozer-dev/gozer/internal/model"
)

func TestMessages(t *testing.T) {
	of := func(title, message string) model.Change {
		return model.Change{Number: 1, Title: title, Message: message}
	}
	for name, tc := range map[string]struct {
		in   []model.Change
		want []string
	}{
		"a pull request":     {[]model.Change{of("Fix it", "It was broken.")}, []string{"Fix it\n\nIt was broken."}},
		"no text":            {[]model.Change{of("Fix it", "")}, []string{"Fix it"}},
		"a commit":           {[]model.Change{of("Fix it", "Fix it\n\nIt was broken.")}, []string{"Fix it\n\nIt was broken."}},
		"a branch":           {[]model.Change{{Title: "t"}}, nil},
		"nothing":            {[]model.Change{of("", "")}, nil},
		"each has its place": {[]model.Change{of("", ""), of("B", "")}, []string{"", "B"}},
	} {
		if diff := cmp.Diff(tc.want, Messages(tc.in)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	long := make([]model.Change, 64)
	for n := range long {
		long[n] = of("ü", strings.Repeat("ü", 1<<20))
	}
	all := 0
	for _, m := range Messages(long) {
		all += utf8.RuneCountInString(m)
	}
	if one := Messages(long[:1])[0]; all > maxAllMessages || utf8.RuneCountInString(one) > maxChangeMessage {
		t.Errorf("%d characters of all, %d of one", all, utf8.RuneCountInString(one))
	}
}
