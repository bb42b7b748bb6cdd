package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// maxPolicySize is S3's limit for a bucket policy, in bytes of JSON.
const maxPolicySize = 20 << 10

// variablesVersion is the version of the policy language that has variables.
const variablesVersion = "2012-10-17"

// BucketPolicy is a compiled bucket policy. It is immutable; any number of goroutines may use it.
type BucketPolicy struct {
	permitter *Permitter
}

// ParseBucketPolicy reads and checks the JSON of a bucket policy for the bucket with the given kind and
// ARN. In a policy of a directory bucket only the action s3express:CreateSession may be named, and only
// the bucket as resource; in one of a general purpose bucket actions of s3, and the bucket or its
// objects. What can't be understood is refused (MalformedPolicy), never ignored.
func ParseBucketPolicy(document []byte, kind Kind, bucketARN string) (*BucketPolicy, *Refusal) {
	list, variables, refusal := readPolicy(document, maxPolicySize)
	if refusal != nil {
		return nil, refusal
	}
	p := &Permitter{}
	for i := range list {
		c, refusal := compileBucketStatement(i, &list[i], kind, bucketARN)
		if refusal != nil {
			return nil, refusal
		}
		if !variables && c.usesVariables() {
			return nil, needsVersion()
		}
		p.statements = append(p.statements, c)
	}
	return &BucketPolicy{p}, nil
}

// needsVersion refuses variables in a policy of an earlier version: Amazon takes them for plain text then, which no
// request has: a Deny that never denies.
func needsVersion() *Refusal {
	return malformedPolicy("Policy variables need the version "+variablesVersion, "Version")
}

// readPolicy reads the statements of a policy of at most so many bytes; variables says whether its version has
// variables.
func readPolicy(document []byte, most int) (list []policyStatement, variables bool, _ *Refusal) {
	if len(document) > most {
		return nil, false, malformedPolicy("Policy exceeds the maximum allowed document size.", "")
	}
	var doc struct {
		Version   string
		ID        string `json:"Id"`
		Statement json.RawMessage
	}
	trimmed := bytes.TrimSpace(document)
	if len(trimmed) == 0 || trimmed[0] != '{' || !json.Valid(document) {
		return nil, false, malformedPolicy("Policies must be valid JSON and the first byte must be '{'", "")
	}
	if refusal := checkNames(trimmed); refusal != nil {
		return nil, false, refusal
	}
	if decodeStrict(document, &doc) != nil {
		return nil, false, malformedPolicy("Policies must be valid JSON and the first byte must be '{'", "")
	}
	if doc.Version != "" && doc.Version != variablesVersion && doc.Version != "2008-10-17" {
		return nil, false, malformedPolicy("The policy must contain a valid version string", "Version")
	}
	var err error
	if body := bytes.TrimSpace(doc.Statement); len(body) > 0 && body[0] == '{' {
		list = make([]policyStatement, 1)
		err = decodeStrict(body, &list[0])
	} else {
		err = decodeStrict(body, &list)
	}
	if err != nil || len(list) == 0 {
		return nil, false, malformedPolicy("Missing or invalid field Statement", "Statement")
	}
	return list, doc.Version == variablesVersion, nil
}

// policyStatement is a statement of a policy as JSON has it.
type policyStatement struct {
	Sid       string
	Effect    string
	Principal principals
	Action    oneOrMany
	Resource  oneOrMany
	Condition map[string]map[string]oneOrMany
}

// compileStatement compiles what statements of all policies have.
func compileStatement(detail string, s *policyStatement) (compiledStatement, *Refusal) {
	conditions := make(map[string]map[string][]string)
	for operator, block := range s.Condition {
		conditions[operator] = make(map[string][]string)
		for key, values := range block {
			conditions[operator][key] = values
		}
	}
	c, faults := compile(detail, Statement{
		Effect: s.Effect, Action: s.Action, Resource: s.Resource, Condition: conditions,
	})
	var fault *wordFault
	if len(faults) > 0 && errors.As(faults[0], &fault) {
		return c, malformedPolicy(fault.amazons+fault.hint, fault.detail)
	}
	if len(faults) > 0 {
		return c, malformedPolicy(faults[0].Error(), detail)
	}
	return c, nil
}

func compileBucketStatement(i int, s *policyStatement, kind Kind, bucketARN string) (compiledStatement, *Refusal) {
	detail := fmt.Sprintf("Statement[%d]", i)
	c, refusal := compileStatement(detail, s)
	if refusal != nil {
		return c, refusal
	}
	if len(s.Principal) == 0 {
		return c, malformedPolicy("Invalid principal in policy", detail)
	}
	for _, p := range s.Principal {
		if p != "*" && !isAccount(p) && (arnField(p, 2) != "iam" && arnField(p, 2) != "sts" ||
			!isAccount(accountOf(p))) {
			return c, malformedPolicy("Invalid principal in policy", p)
		}
	}
	for _, a := range c.actions {
		if kind == Directory && a != strings.ToLower(createSession) ||
			kind == General && a != "*" && !strings.HasPrefix(a, "s3:") {
			return c, malformedPolicy("Policy has invalid action", a)
		}
	}
	for i := range c.resources {
		r := c.resources[i].text
		if r != bucketARN && (kind == Directory || !strings.HasPrefix(r, bucketARN+"/")) {
			return c, malformedPolicy("Policy has invalid resource", r)
		}
	}
	c.principals = s.Principal
	return c, nil
}

func malformedPolicy(message, detail string) *Refusal {
	if detail == "" {
		return refuse("7.2", codeMalformedPolicy, message)
	}
	return refuse("7.2", codeMalformedPolicy, message, "Detail", detail)
}

// decodeStrict reads one JSON value, which is valid, with known fields.
func decodeStrict(data []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	return dec.Decode(into)
}

// oneOrMany is a string or a list of strings; booleans and numbers count as their text, as in AWS policies.
type oneOrMany []string

// UnmarshalJSON accepts a scalar or a list of scalars.
func (l *oneOrMany) UnmarshalJSON(data []byte) (err error) {
	list := []json.RawMessage{data}
	if data[0] == '[' {
		err = json.Unmarshal(data, &list)
	}
	*l = nil
	for _, item := range list {
		text := string(item)
		switch item[0] {
		case '{', '[', 'n':
			return errors.New("not a string")
		case '"':
			err = errors.Join(err, json.Unmarshal(item, &text))
		}
		*l = append(*l, text)
	}
	return err
}

// principals is "*" or an object with AWS principals.
type principals []string

// UnmarshalJSON accepts "*" and {"AWS": one or many}.
func (p *principals) UnmarshalJSON(data []byte) error {
	if data[0] == '"' {
		if string(data) != `"*"` {
			return errors.New("a principal must be * or an object")
		}
		*p = principals{"*"}
		return nil
	}
	var object struct{ AWS oneOrMany }
	if err := decodeStrict(data, &object); err != nil {
		return err
	}
	*p = principals(object.AWS)
	return nil
}

// policyDepth is how deep a policy nests: statements in a list, their conditions, the operators' keys, and the lists of
// values.
const policyDepth = 6

// checkNames refuses what Go's JSON reader would take without a word: a name that is given twice in one object, of
// which the last would count, names in other letters than a policy's, and null.
func checkNames(document []byte) *Refusal {
	dec := json.NewDecoder(bytes.NewReader(document))
	dec.UseNumber()
	type object struct {
		names map[string]bool // nil for a list
		value bool            // what comes is the value of a name
	}
	var open []object
	for {
		token, err := dec.Token()
		if err != nil {
			return nil // json.Valid has seen to the form
		}
		top := len(open) - 1
		if name, isText := token.(string); isText && top >= 0 && open[top].names != nil && !open[top].value {
			folded := strings.ToLower(name) // keys of conditions have no case
			if open[top].names[folded] {
				return malformedPolicy("Policy has a duplicate element: "+name, name)
			}
			if spelled, known := elementNames[folded]; known && name != spelled {
				return malformedPolicy("Policy has an unknown element: did you mean "+spelled+"?", name)
			}
			open[top].names[folded], open[top].value = true, true
			continue
		}
		if top >= 0 {
			open[top].value = false
		}
		switch token {
		case nil:
			return malformedPolicy("Policy has a null value", "")
		case json.Delim('{'), json.Delim('['):
			if len(open) == policyDepth {
				return malformedPolicy("Policy nests too deep", "")
			}
			o := object{}
			if token == json.Delim('{') {
				o.names = make(map[string]bool)
			}
			open = append(open, o)
		case json.Delim('}'), json.Delim(']'):
			open = open[:top]
		}
	}
}

// elementNames are the names in a policy and its statements, by themselves in lower case. Amazon reads no other
// spelling.
var elementNames = func() map[string]string {
	names := make(map[string]string)
	for name := range strings.FieldsSeq("Version Id Statement Sid Effect Principal AWS Action Resource Condition") {
		names[strings.ToLower(name)] = name
	}
	return names
}()
