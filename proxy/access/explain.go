package access

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"sealfront/policy"
	"sealfront/sigv4"
)

// A Question describes the request that Explain decides. Operation and Bucket are required.
type Question struct {
	Operation string // an API name, such as PutObject
	Bucket    string
	Key       string   // default, for operations on objects: "key"
	Header    []string // "Name: value"
	Query     []string // "name=value"
	// SessionHeader are headers of the CreateSession whose session signs the request, as SDKs have it for directory
	// buckets.
	SessionHeader []string
	LongTerm      bool // signed with a long-term key instead
	Plain         bool // over HTTP
	// Principal is the name of the identity whose permissions are checked, or a role, role/NAME, or a session of it,
	// assumed-role/NAME/SESSION; "": all are assumed
	Principal string
	Source    string // address that the request comes from, for conditions on it; "": none is known
}

// ErrQuestion is a question that can't be understood.
var ErrQuestion = errors.New("access: the question can't be understood")

// Explain reports which row of the rules decides about a request and why. It stores and opens nothing, and doesn't call
// KMS. It reads the bucket's record past the cache.
func (c *Checker) Explain(ctx context.Context, q *Question) (policy.Explanation, error) {
	none := policy.Explanation{}
	op, ok := policy.ParseOperation(q.Operation)
	if !ok {
		return none, fmt.Errorf("%w: there is no operation %q", ErrQuestion, q.Operation)
	}
	header, err := readFields(q.Header, ":", "header")
	if err != nil {
		return none, err
	}
	query, err := readFields(q.Query, "=", "query parameter")
	if err != nil {
		return none, err
	}
	name, refused := policy.ParseBucketName(q.Bucket)
	if refused != nil {
		return none, fmt.Errorf("%w: %w", ErrQuestion, refused)
	}
	if q.Source != "" {
		if _, err := netip.ParseAddr(q.Source); err != nil {
			return none, fmt.Errorf("%w: %q is no address", ErrQuestion, q.Source)
		}
	}
	question := policy.Question{Options: c.o.Policy, Require: c.o.RequireTLS}
	if c.Hidden(q.Bucket) {
		return none, fmt.Errorf("%w: there is no bucket %q", ErrQuestion, q.Bucket)
	}
	record, err := c.o.Record(ctx, q.Bucket, Now)
	if err != nil {
		return none, fmt.Errorf("read the record of the bucket %q: %w", q.Bucket, err)
	}
	question.Target.BucketARN = policy.BucketARN(q.Bucket, c.o.Region, c.o.Account)
	if record != nil {
		facts := c.FactsOf(record)
		question.Bucket, question.Target.Tags = &facts, policy.Tags(record.Tags)
		question.Target.BucketPolicy, err = policyOf(record, facts.Kind)
		if err != nil && !aboutBucketPolicy(op) {
			return none, err
		}
	}
	if q.Principal != "" {
		id := c.identities.Load().principal(q.Principal)
		if id == nil {
			return none, fmt.Errorf("%w: there is no identity %q, and no role", ErrQuestion, q.Principal)
		}
		caller := id.caller(c.o.Account, c.explainValues(id, header, q))
		question.Caller = &caller
	}
	if name.Kind == policy.Directory && op.Zonal() && !op.LongTermOnly() && !q.LongTerm {
		if question.Session, err = readFields(q.SessionHeader, ":", "session header"); err != nil {
			return none, err
		}
	} else if len(q.SessionHeader) > 0 {
		return none, fmt.Errorf("%w: %v isn't signed with a session here", ErrQuestion, op)
	}
	r := &policy.Request{Bucket: q.Bucket, Header: header, Query: query, TLS: !q.Plain}
	if op.OnObject() || op == policy.PostObject {
		if r.Key = q.Key; r.Key == "" {
			r.Key = "key"
		}
	}
	// What any request of the operation has, and a question need not say.
	if op == policy.UploadPart || op == policy.UploadPartCopy {
		for name, value := range map[string]string{"partNumber": "1", "uploadId": "upload"} {
			if _, given := query[name]; !given {
				query[name] = []string{value}
			}
		}
	}
	if !c.o.Served(op) && op != policy.PostObject {
		return notServed(op, q.Bucket, name.Kind), nil
	}
	return policy.Explain(op, r, &question), nil
}

// notServed is the explanation of an operation that is disabled, or that the store can't carry out.
func notServed(op policy.Operation, bucket string, kind policy.Kind) policy.Explanation {
	refused := policy.NotImplemented(op)
	return policy.Explanation{
		Operation: op.String(), Bucket: bucket, Kind: kind.String(),
		Decision: "refuse", Row: refused.Row, Why: policy.Why(refused.Row), Code: refused.Code, Message: refused.Message,
	}
}

// explainValues are the values of the condition keys that are about the caller and where it calls from: those of a
// request that is signed and sent now. What the question leaves out has no value.
func (c *Checker) explainValues(id *Identity, header policy.MapFields, q *Question) policy.MapValues {
	now := c.o.Now().UTC()
	v := policy.MapValues{
		"aws:currenttime": now.Format(time.RFC3339), "aws:epochtime": strconv.FormatInt(now.Unix(), 10),
		"aws:requestedregion": c.o.Region,
	}
	for _, key := range [...]string{
		"aws:username", "aws:userid", "aws:principaltype", "aws:tokenissuetime", "aws:federatedprovider",
	} {
		if value, ok := id.value(key, c.o.Account); ok {
			v[key] = value
		}
	}
	for _, service := range [...]string{"s3:", "s3express:"} {
		v[service+"signatureversion"], v[service+"authtype"] = signatureVersion, authTypes[sigv4.Header]
		v[service+"signatureage"] = "0"
	}
	for key, name := range map[string]string{"aws:useragent": "user-agent", "aws:referer": "referer"} {
		if value, ok := header.Get(name); ok {
			v[key] = value
		}
	}
	if q.Source != "" {
		v["aws:sourceip"] = q.Source
	}
	return v
}

// principal is the identity with this name, or a session of the role that it names; nil for none.
func (ids *Identities) principal(name string) *Identity {
	role, isRole := strings.CutPrefix(name, "role/")
	session := "session"
	if !isRole {
		if role, isRole = strings.CutPrefix(name, "assumed-role/"); isRole {
			role, session, _ = strings.Cut(role, "/")
		}
	}
	if r := ids.roles[role]; isRole && r != nil && session != "" {
		return r.identity(session)
	}
	return ids.byName[name]
}

// readFields reads a list of fields; names of headers come in lower case.
func readFields(list []string, separator, what string) (policy.MapFields, error) {
	fields := policy.MapFields{}
	for _, text := range list {
		name, value, ok := strings.Cut(text, separator)
		if name = strings.TrimSpace(name); !ok || name == "" {
			return nil, fmt.Errorf("%w: the %s %q has no %q", ErrQuestion, what, text, separator)
		}
		if separator == ":" {
			name, value = strings.ToLower(name), strings.TrimSpace(value)
		}
		fields[name] = append(fields[name], value)
	}
	return fields, nil
}
