package sigv4

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// PolicyDocument is the policy of a form POST: until when and for which fields the form is good. It is not changed
// after ParsePolicyDocument and safe for concurrent use.
type PolicyDocument struct {
	Expiration time.Time

	conditions       []condition
	minSize, maxSize int64
	hasRange         bool
}

// condition compares one field. field is in lower case.
type condition struct {
	operator, field, value string
	shown                  string // as S3 quotes it
}

const (
	eq                 = "eq"
	startsWith         = "starts-with"
	contentLengthRange = "content-length-range"
)

// ParsePolicyDocument reads the base64 text of a form's policy field. Errors are *Error, InvalidPolicyDocument.
// Source: POST, "Creating a POST Policy".
func ParsePolicyDocument(encoded []byte) (*PolicyDocument, error) {
	document := make([]byte, base64.StdEncoding.DecodedLen(len(encoded)))
	n, err := base64.StdEncoding.Decode(document, encoded)
	if err != nil {
		return nil, invalidPolicy("Invalid Policy: Invalid base64.")
	}
	var raw struct {
		Expiration *string           `json:"expiration"`
		Conditions []json.RawMessage `json:"conditions"`
	}
	decoder := json.NewDecoder(bytes.NewReader(document[:n]))
	if err := decoder.Decode(&raw); err != nil {
		return nil, invalidPolicy("Invalid Policy: Invalid JSON.")
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, invalidPolicy("Invalid Policy: Invalid JSON.")
	}
	if raw.Expiration == nil {
		return nil, invalidPolicy("Invalid Policy: Policy missing expiration.")
	}
	if raw.Conditions == nil {
		return nil, invalidPolicy("Invalid Policy: Policy missing conditions.")
	}
	p := new(PolicyDocument)
	if p.Expiration, err = time.Parse(time.RFC3339Nano, *raw.Expiration); err != nil {
		return nil, invalidPolicy("Invalid Policy: Invalid 'expiration' value: '" + *raw.Expiration + "'")
	}
	for _, c := range raw.Conditions {
		if err := p.addCondition(c); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func invalidPolicy(message string) error { return refuse("InvalidPolicyDocument", message) }

// addCondition reads {"field": "value", …} or ["operator", "$field", "value"].
func (p *PolicyDocument) addCondition(raw json.RawMessage) error {
	switch raw[0] {
	case '{':
		return p.addObject(raw)
	case '[':
		return p.addList(raw)
	}
	return invalidPolicy(
		"Invalid Policy: Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.")
}

func (p *PolicyDocument) addObject(raw json.RawMessage) error {
	var object map[string]any
	if err := json.Unmarshal(raw, &object); err != nil || len(object) != 1 {
		return invalidPolicy(
			"Invalid Policy: Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.")
	}
	for field, value := range object {
		s, ok := value.(string)
		if !ok {
			return invalidPolicy("Invalid Policy: Invalid Simple-Condition: value must be a string.")
		}
		p.add(eq, field, s)
	}
	return nil
}

func (p *PolicyDocument) addList(raw json.RawMessage) error {
	var list []json.RawMessage
	var operator string
	if json.Unmarshal(raw, &list) != nil || len(list) != 3 || json.Unmarshal(list[0], &operator) != nil {
		return invalidPolicy("Invalid Policy: Invalid Condition: a condition must have an operator and two arguments.")
	}
	operator = strings.ToLower(operator)
	switch operator {
	case eq, startsWith:
		var field, value string
		if json.Unmarshal(list[1], &field) != nil || json.Unmarshal(list[2], &value) != nil ||
			!strings.HasPrefix(field, "$") {
			return invalidPolicy("Invalid Policy: Invalid Condition: \"" + operator + "\" needs a field and a string.")
		}
		p.add(operator, field[1:], value)
	case contentLengthRange:
		low, ok1 := policyNumber(list[1])
		high, ok2 := policyNumber(list[2])
		if !ok1 || !ok2 || low > high {
			return invalidPolicy("Invalid Policy: Invalid Condition: \"content-length-range\" needs two numbers.")
		}
		if !p.hasRange || low > p.minSize {
			p.minSize = low
		}
		if !p.hasRange || high < p.maxSize {
			p.maxSize = high
		}
		p.hasRange = true
	default:
		return invalidPolicy("Invalid Policy: Invalid Condition: unknown operator '" + operator + "'.")
	}
	return nil
}

// policyNumber reads a size, which may stand in quotes.
func policyNumber(raw json.RawMessage) (int64, bool) {
	return parseLength(bytes.Trim(raw, `"`))
}

func (p *PolicyDocument) add(operator, field, value string) {
	quoted := func(s string) string {
		b, _ := json.Marshal(s) // of a string, can't fail
		return string(b)
	}
	p.conditions = append(p.conditions, condition{
		operator: operator, field: strings.ToLower(field), value: value,
		shown: "[" + quoted(operator) + ", " + quoted("$"+field) + ", " + quoted(value) + "]",
	})
}

// Check judges a form's fields, those before the file, by the policy at the time now: it must not have expired, every
// condition must hold, and every field must be subject to one and come once, except x-amz-signature, file, policy and
// x-ignore-*. bucket is the one posted to, whatever a field of that name says, and counts as a field. Errors are
// *Error, AccessDenied.
func (p *PolicyDocument) Check(fields []Field, bucket string, now time.Time) error {
	if !now.Before(p.Expiration) {
		return invalidAccordingToPolicy("Policy expired.")
	}
	values := make(map[string]string, len(fields)+1)
	var extra []string
	for i := range fields {
		name := strings.ToLower(string(fields[i].Name))
		if _, again := values[name]; again { // of which value would the condition speak?
			extra = append(extra, name)
		}
		values[name] = string(fields[i].Value)
	}
	values["bucket"] = bucket
	covered := make(map[string]bool, len(p.conditions))
	for i := range p.conditions {
		c := &p.conditions[i]
		covered[c.field] = true
		if !c.holds(values[c.field]) {
			return invalidAccordingToPolicy("Policy Condition failed: " + c.shown)
		}
	}
	for name := range values {
		switch {
		case name == "x-amz-signature", name == "file", name == "policy", strings.HasPrefix(name, "x-ignore-"):
		case !covered[name]:
			extra = append(extra, name)
		}
	}
	if extra != nil {
		slices.Sort(extra)
		return invalidAccordingToPolicy("Extra input fields: " +
			text([]byte(strings.Join(slices.Compact(extra), ", "))))
	}
	return nil
}

func invalidAccordingToPolicy(why string) error {
	return refuse("AccessDenied", "Invalid according to Policy: "+why)
}

// holds reports whether a field's value meets the condition. A Content-Type may be a list, all of which must begin so.
func (c *condition) holds(value string) bool {
	switch {
	case c.operator == eq:
		return value == c.value
	case c.field == "content-type":
		for v := range strings.SplitSeq(value, ",") {
			if !strings.HasPrefix(strings.TrimSpace(v), c.value) {
				return false
			}
		}
		return true
	}
	return strings.HasPrefix(value, c.value)
}

// SizeRange returns the sizes of the file that the policy allows; ok is false if it allows all.
func (p *PolicyDocument) SizeRange() (least, most int64, ok bool) {
	return p.minSize, p.maxSize, p.hasRange
}

// CheckSize compares the size of the file, in bytes, with the policy's range. Errors are *Error, EntityTooSmall or
// EntityTooLarge.
func (p *PolicyDocument) CheckSize(size int64) error {
	switch {
	case p.hasRange && size < p.minSize:
		return refuse("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size",
			Element{"ProposedSize", strconv.FormatInt(size, 10)}, Element{
				"MinSizeAllowed", strconv.FormatInt(p.minSize, 10),
			})
	case p.hasRange && size > p.maxSize:
		return refuse("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size",
			Element{"ProposedSize", strconv.FormatInt(size, 10)}, Element{
				"MaxSizeAllowed", strconv.FormatInt(p.maxSize, 10),
			})
	}
	return nil
}
