package convert

import (
	"strings"

	"github.com/gozer-dev/gozer/internal/model"
)

// What an item keeps of what is said of its changes, in characters: of one, and of all.
const (
	maxChangeMessage = 16384
	maxAllMessages   = 65536
)

// Messages are what authors say of changes: the commit's message, or the title and
// the text of a pull request. Those of many changes are cut shorter; nil stands for none.
func Messages(changes []model.Change) []string {
	most, some := min(maxChangeMessage, maxAllMessages/max(1, len(changes))), false
	var out []string
	for _, c := range changes {
		text := ""
		if c.Number != 0 {
			text = Cut(message(c), most)
		}
		some = some || text != ""
		out = append(out, text)
	}
	if !some {
		return nil
	}
	return out
}

func message(c model.Change) string {
	if strings.HasPrefix(c.Message, c.Title) {
		return c.Message
	}
	return strings.TrimRight(c.Title+"\n\n"+c.Message, "\n")
}
