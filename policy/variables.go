package policy

import (
	"errors"
	"strings"
)

// operand is a resource of a statement or a value of a condition, with the policy variables in it.
type operand struct {
	text   string
	pieces []piece // nil without variables
}

// piece is text as it stands, or a variable when key isn't empty.
type piece struct {
	text        string // of a variable: what it stands for where the key has no value
	key         string // in lower case
	optional    bool   // text is given
	placeholder bool   // text is *, ? or $ as a plain character
}

var errNUL = errors.New("holds a NUL")

// parseOperand reads the variables of text: ${key}, ${key, 'default'}, and ${*}, ${?} and ${$} for the characters
// themselves. Source: IAM User Guide, "IAM policy elements: Variables and tags".
func parseOperand(text string) (operand, error) {
	o := operand{text: text}
	if strings.IndexByte(text, 0) >= 0 {
		return o, errNUL
	}
	rest := text
	for {
		before, after, found := strings.Cut(rest, "${")
		if !found {
			break
		}
		p, end, ok := parseVariable(after)
		if !ok {
			return o, errors.New("has a policy variable that is not of the form ${key} or ${key, 'default'}")
		}
		if !p.placeholder && !IsConditionKey(p.key) {
			return o, errors.New("has a policy variable that requests have no value for here")
		}
		o.pieces = append(o.pieces, piece{text: before}, p)
		rest = end
	}
	if o.pieces != nil {
		o.pieces = append(o.pieces, piece{text: rest})
	}
	return o, nil
}

// parseVariable reads what follows the "${" of a variable, and returns what follows its "}".
func parseVariable(text string) (p piece, rest string, ok bool) {
	end := strings.IndexAny(text, ",}")
	if end <= 0 {
		return p, "", false
	}
	name, rest := text[:end], text[end+1:]
	if text[end] == '}' {
		if len(name) == 1 && strings.Contains("*?$", name) {
			return piece{text: name, placeholder: true}, rest, true
		}
		return piece{key: strings.ToLower(name)}, rest, true
	}
	rest, ok = strings.CutPrefix(strings.TrimLeft(rest, " "), "'")
	if !ok {
		return p, "", false
	}
	value, rest, ok := strings.Cut(rest, "'")
	if !ok {
		return p, "", false
	}
	rest, ok = strings.CutPrefix(strings.TrimLeft(rest, " "), "}")
	return piece{key: strings.ToLower(name), text: value, optional: true}, rest, ok
}

// unknown reports whether the value of a variable isn't known yet.
func (o *operand) unknown(values Values) bool {
	for i := range o.pieces {
		if o.pieces[i].key != "" && unknown(values, o.pieces[i].key) {
			return true
		}
	}
	return false
}

// resolve returns the text with the variables' values. As a pattern, * and ? in them stand for themselves. A variable
// that neither the request nor the policy has a value for makes ok false: nothing is equal to it, or like it.
func (o *operand) resolve(values Values, pattern bool) (text string, ok bool) {
	if o.pieces == nil {
		return o.text, true
	}
	var b []byte
	for i := range o.pieces {
		p := &o.pieces[i]
		value, given := p.text, p.key == "" || p.optional
		if p.key != "" && values != nil {
			if v, has := values.Value(p.key); has {
				value, given = v, true
			}
		}
		if !given {
			return "", false
		}
		if pattern && (p.key != "" || p.placeholder) {
			b = appendLiteral(b, value)
		} else {
			b = append(b, value...)
		}
	}
	return string(b), true
}
