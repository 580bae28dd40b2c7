package secretcrypt

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Tag marks an encrypted value in YAML.
const Tag = "!encrypted/pkcs1-oaep"

// lineLength is where chunks are folded.
const lineLength = 79

// FormatYAML is a secret with one encrypted field, to be put into a
// configuration file:
//
//	# zuul.yaml
//	- secret:
//	    name: credentials
//	    data:
//	      password: !encrypted/pkcs1-oaep
//	        - q3cBkzJ...
//	          Wt4G/pA...
func FormatYAML(name, field string, chunks []string) string {
	var b strings.Builder
	b.WriteString("- secret:\n    name: " + scalar(name) + "\n    data:\n      " + scalar(field) + ": " + Tag + "\n")
	for _, c := range chunks {
		indent := "        - "
		for len(c) > 0 {
			n := min(len(c), lineLength-len(indent))
			b.WriteString(indent + c[:n] + "\n")
			c, indent = c[n:], "          "
		}
	}
	return b.String()
}

var plainScalar = regexp.MustCompile(`^[A-Za-z_<][A-Za-z0-9_.<>/-]*$`)

// words that YAML 1.1 or 1.2 reads as something else than text.
var words = []string{"true", "false", "yes", "no", "on", "off", "y", "n", "null"}

// scalar quotes a text where YAML would take it for something else. Go's
// escapes are among those of YAML.
func scalar(s string) string {
	if plainScalar.MatchString(s) && !slices.Contains(words, strings.ToLower(s)) && s != "<<" {
		return s
	}
	return strconv.Quote(s)
}
