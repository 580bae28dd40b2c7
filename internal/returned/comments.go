package returned

import (
	"encoding/json"
	"maps"
	"slices"
)

// FileComment is what a job says of a file (Zuul: file_comments). Lines are those of
// the file as it was tested.
type FileComment struct {
	Path string `json:"path"`
	// Line from 1; 0 is the whole file.
	Line int64 `json:"line,omitempty"`
	// Level is info, warning or error; empty when the job did not say.
	Level   string `json:"level,omitempty"`
	Message string `json:"message"`
}

// maxPath of a file that a comment is on.
const maxPath = 512

// fileComments are those on all files, in the order of their paths. What has
// another form is left out.
func fileComments(of any) []FileComment {
	files, _ := of.(map[string]any)
	var out []FileComment
	for _, path := range slices.Sorted(maps.Keys(files)) {
		for _, entry := range list(files[path]) {
			if c, ok := fileComment(path, entry); ok && len(out) < maxEntries {
				out = append(out, c)
			}
		}
	}
	return out
}

func fileComment(path string, entry any) (FileComment, bool) {
	object, _ := entry.(map[string]any)
	message, ok := object["message"].(string)
	if !ok || path == "" || len(path) > maxPath {
		return FileComment{}, false
	}
	c := FileComment{Path: path, Line: lineOf(object["line"]), Message: cut(message)}
	if within, ok := object["range"].(map[string]any); ok && c.Line == 0 {
		c.Line = lineOf(within["start_line"])
	}
	if level, _ := object["level"].(string); level == "info" || level == "warning" || level == "error" {
		c.Level = level
	}
	return c, true
}

// lineOf a value; 0 when it is none.
func lineOf(v any) int64 {
	n, _ := v.(json.Number)
	line, err := n.Int64()
	if err != nil || line < 0 || line > 1<<31-1 {
		return 0
	}
	return line
}
