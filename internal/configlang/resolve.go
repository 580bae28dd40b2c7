package configlang

import (
	"encoding/json"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// kind is what a node is to a reader: a scalar's type by the rules of YAML 1.1,
// or the form of a collection.
type kind int

const (
	kindString kind = iota
	kindInt
	kindFloat
	kindBool
	kindNull
	kindTime
	kindMapping
	kindSequence
	// kindTagged has a tag of the language: !override, !inherit, !encrypted/pkcs1-oaep.
	kindTagged
)

var kindNames = map[kind]string{
	kindString: "a string", kindInt: "a number", kindFloat: "a number", kindBool: "true or false", kindNull: "empty",
	kindTime: "a date", kindMapping: "a mapping", kindSequence: "a list", kindTagged: "a tagged value",
}

// Implicit types of plain scalars in YAML 1.1, as PyYAML resolves them.
var (
	yamlFloat = regexp.MustCompile(`^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|` +
		`[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$`)
	yamlInt  = regexp.MustCompile(`^(?:[-+]?0b[01_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$`)
	yamlTime = regexp.MustCompile(`^[0-9]{4}-(?:[0-9]{2}-[0-9]{2}|[0-9]{1,2}-[0-9]{1,2}(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}` +
		`(?:\.[0-9]*)?(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::[0-9]{2})?))?)$`)
)

// boolWords are the plain scalars that are booleans.
var boolWords = map[string]bool{
	"yes": true, "Yes": true, "YES": true, "true": true, "True": true, "TRUE": true, "on": true, "On": true, "ON": true,
	"no": false, "No": false, "NO": false, "false": false, "False": false, "FALSE": false, "off": false, "Off": false, "OFF": false,
}

// explicitKinds are the kinds of scalars that say their type.
var explicitKinds = map[string]kind{
	"!!str": kindString, "!!int": kindInt, "!!float": kindFloat, "!!bool": kindBool, "!!null": kindNull, "!!timestamp": kindTime, "!!binary": kindString,
}

func kindOf(n *yaml.Node) kind {
	if strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!") && n.Tag != "!" {
		return kindTagged
	}
	switch n.Kind {
	case yaml.MappingNode:
		return kindMapping
	case yaml.SequenceNode:
		return kindSequence
	}
	if n.Style&yaml.TaggedStyle != 0 {
		return explicitKinds[n.ShortTag()]
	}
	if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		return kindString
	}
	return plainKind(n.Value)
}

// plainKind decides by the first character which types are possible: most scalars are words.
func plainKind(v string) kind {
	if v == "" {
		return kindNull
	}
	switch c := v[0]; {
	case c == '~' && len(v) == 1:
		return kindNull
	case c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.':
		switch {
		case yamlInt.MatchString(v):
			return kindInt
		case yamlFloat.MatchString(v):
			return kindFloat
		case c >= '0' && c <= '9' && yamlTime.MatchString(v):
			return kindTime
		}
	case strings.IndexByte("yYnNtTfFoO", c) >= 0 && len(v) <= 5:
		if _, ok := boolWords[v]; ok {
			return kindBool
		}
		if v == "null" || v == "Null" || v == "NULL" {
			return kindNull
		}
	}
	return kindString
}

// integerOf reads what kindInt found, in all the forms of YAML 1.1.
func integerOf(text string) (*big.Int, bool) {
	s := strings.ReplaceAll(text, "_", "")
	sign := ""
	if s != "" && (s[0] == '-' || s[0] == '+') {
		if s[0] == '-' {
			sign = "-"
		}
		s = s[1:]
	}
	if strings.Contains(s, ":") {
		return sexagesimal(sign, s)
	}
	base := 10
	switch {
	case strings.HasPrefix(s, "0b"):
		s, base = s[2:], 2
	case strings.HasPrefix(s, "0x"):
		s, base = s[2:], 16
	case len(s) > 1 && s[0] == '0':
		s, base = s[1:], 8
	}
	if len(s) > 1000 {
		return nil, false
	}
	return new(big.Int).SetString(sign+s, base)
}

// sexagesimal reads 1:30 as 90: YAML 1.1 has it, so files were written with it.
func sexagesimal(sign, s string) (*big.Int, bool) {
	if len(s) > 100 {
		return nil, false
	}
	total := new(big.Int)
	for part := range strings.SplitSeq(s, ":") {
		d, err := strconv.ParseInt(part, 10, 64)
		if err != nil {
			return nil, false
		}
		total.Mul(total, big.NewInt(60)).Add(total, big.NewInt(d))
	}
	if sign != "" {
		total.Neg(total)
	}
	return total, true
}

// floatOf reads what kindFloat found; ok is false for what JSON cannot have.
func floatOf(text string) (f float64, ok bool) {
	text = strings.ReplaceAll(text, "_", "")
	if whole, fraction, _ := strings.Cut(text, "."); strings.Contains(whole, ":") { // 1:30.5 is 90.5
		i, ok := integerOf(whole)
		if !ok {
			return 0, false
		}
		text = i.String() + "." + fraction
	}
	f, err := strconv.ParseFloat(text, 64)
	return f, err == nil && !math.IsInf(f, 0) && !math.IsNaN(f)
}

// scalarValue is what a scalar is in JSON. Times keep their text, and so does
// a number that JSON cannot have.
func scalarValue(n *yaml.Node, k kind) any {
	switch k {
	case kindInt:
		i, ok := integerOf(n.Value)
		switch {
		case !ok:
			return n.Value
		case i.IsInt64():
			return i.Int64()
		}
		return json.Number(i.String())
	case kindFloat:
		f, ok := floatOf(n.Value)
		if !ok {
			return n.Value
		}
		return f
	case kindBool:
		return boolWords[n.Value]
	case kindNull:
		return nil
	}
	return n.Value
}

// keyText is the key of a mapping as JSON has it: always a string.
func keyText(n *yaml.Node) string {
	switch k := kindOf(n); k {
	case kindInt:
		if i, ok := integerOf(n.Value); ok {
			return i.String()
		}
	case kindBool:
		return strconv.FormatBool(boolWords[n.Value])
	case kindNull:
		return "null"
	}
	return n.Value
}
