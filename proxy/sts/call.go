package sts

import (
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// MaxBody bounds a call's body: a token of 20,000 characters and a policy of 2,048, escaped.
const MaxBody = 64 << 10

// version is the one there is.
const version = "2011-06-15"

// The actions that are carried out.
const (
	AssumeRoleWithWebIdentity = "AssumeRoleWithWebIdentity"
	AssumeRole                = "AssumeRole"
	GetCallerIdentity         = "GetCallerIdentity"
)

// parameters are those of each action.
var parameters = map[string][]string{
	AssumeRoleWithWebIdentity: {"RoleArn", "RoleSessionName", "WebIdentityToken", "DurationSeconds", "Policy"},
	AssumeRole:                {"RoleArn", "RoleSessionName", "DurationSeconds", "Policy", "ExternalId"},
	GetCallerIdentity:         nil,
}

// others are STS's actions that aren't carried out.
var others = []string{
	"AssumeRoleWithSAML", "AssumeRoot", "DecodeAuthorizationMessage", "GetAccessKeyInfo", "GetDelegatedAccessToken",
	"GetFederationToken", "GetSessionToken", "GetWebIdentityToken",
}

// A Call is a request to STS.
type Call struct {
	Action string
	values url.Values
}

// Mentions reports whether a query string is a call's: its Action and Version are parameters of no request to S3.
func Mentions(query string) bool {
	return strings.Contains(query, "Version="+version) &&
		(strings.HasPrefix(query, "Action=") || strings.Contains(query, "&Action="))
}

// Parse reads the parameters of a call from its query and its form. What isn't carried out is refused by name.
func Parse(query, form string) (*Call, *Error) {
	c := &Call{values: make(url.Values)}
	for _, text := range []string{query, form} {
		values, err := url.ParseQuery(text)
		if err != nil || !utf8.ValidString(text) {
			return c, Refuse("MalformedQueryString", "The query string contains a syntax error.").Because(err)
		}
		for name, list := range values {
			if len(list) != 1 || c.values.Has(name) {
				return c, Refuse(ValidationError, "The parameter %s is given twice.", name)
			}
			c.values[name] = list
		}
	}
	action := c.values.Get("Action")
	served, known := parameters[action]
	switch {
	case action == "":
		return c, Refuse(MissingAction, "The request is missing an action or a required parameter.")
	case slices.Contains(others, action):
		c.Action = action
		return c, Refuse(InvalidAction, "%s is not served here, which serves %s, %s and %s.", action, AssumeRole,
			AssumeRoleWithWebIdentity, GetCallerIdentity)
	case !known, c.values.Get("Version") != version:
		asked := c.values.Get("Version")
		if asked == "" {
			asked = "NO_VERSION_SPECIFIED"
		}
		return c, Refuse(InvalidAction, "Could not find operation %s for version %s", shortened(action), shortened(asked))
	}
	c.Action = action
	for name := range c.values {
		if name != "Action" && name != "Version" && !slices.Contains(served, name) &&
			!strings.HasPrefix(strings.ToLower(name), "x-amz-") {
			return c, Refuse(ValidationError, "The parameter %s of %s is not served here.", shortened(name), action)
		}
	}
	return c, nil
}

func shortened(text string) string { return text[:min(len(text), 100)] }

// An Assumption is what both actions that assume a role ask for.
type Assumption struct {
	RoleARN     string
	SessionName string
	Duration    time.Duration // 0: an hour, or as long as the role allows
	Policy      string        // the session's own, JSON; "" for none
	ExternalID  string
	Token       string // of the web identity
}

var (
	sessionNames = regexp.MustCompile(`^[\w+=,.@-]*$`)
	externalIDs  = regexp.MustCompile(`^[\w+=,.@:/-]*$`)
	roleARNs     = regexp.MustCompile(`^arn:[\w-]+:iam::\d{12}:role/[\w+=,.@/-]+$`)
)

// Assumption reads the parameters of the two.
func (c *Call) Assumption() (*Assumption, *Error) {
	a := &Assumption{
		RoleARN: c.values.Get("RoleArn"), SessionName: c.values.Get("RoleSessionName"), Policy: c.values.Get("Policy"),
		ExternalID: c.values.Get("ExternalId"), Token: c.values.Get("WebIdentityToken"),
	}
	for _, f := range []struct {
		name, member, value string
		least, most         int
		form                *regexp.Regexp
		optional            bool
	}{
		{"RoleArn", "roleArn", a.RoleARN, 20, 2048, roleARNs, false},
		{"RoleSessionName", "roleSessionName", a.SessionName, 2, 64, sessionNames, false},
		{"WebIdentityToken", "webIdentityToken", a.Token, 4, 20_000, nil, c.Action != AssumeRoleWithWebIdentity},
		{"Policy", "policy", a.Policy, 1, 2048, nil, true},
		{"ExternalId", "externalId", a.ExternalID, 2, 1224, externalIDs, true},
	} {
		shown := f.value
		if f.name == "WebIdentityToken" {
			shown = "***" // it is a secret
		}
		switch n := utf8.RuneCountInString(f.value); {
		case !c.values.Has(f.name) && f.optional:
		case !c.values.Has(f.name):
			return nil, invalid("null", f.member, "Member must not be null")
		case n < f.least:
			return nil, invalid(shown, f.member, "Member must have length greater than or equal to "+strconv.Itoa(f.least))
		case n > f.most:
			return nil, invalid(shortened(shown), f.member,
				"Member must have length less than or equal to "+strconv.Itoa(f.most))
		case f.name == "RoleArn" && !f.form.MatchString(f.value):
			return nil, Refuse(ValidationError, "%s is invalid", shown)
		case f.form != nil && !f.form.MatchString(f.value):
			return nil, invalid(shown, f.member, "Member must satisfy regular expression pattern: "+
				strings.Trim(f.form.String(), "^$"))
		}
	}
	if !c.values.Has("DurationSeconds") {
		return a, nil
	}
	asked := c.values.Get("DurationSeconds")
	seconds, err := strconv.Atoi(asked)
	switch {
	case err != nil:
		return nil, Refuse(ValidationError, "The value of DurationSeconds is no number of seconds.")
	case seconds < 900:
		return nil, invalid(asked, "durationSeconds", "Member must have value greater than or equal to 900")
	case seconds > 43200:
		return nil, invalid(asked, "durationSeconds", "Member must have value less than or equal to 43200")
	}
	a.Duration = time.Duration(seconds) * time.Second
	return a, nil
}

// invalid is a parameter that doesn't satisfy its constraint, in the words of AWS's services.
func invalid(value, member, constraint string) *Error {
	if value != "null" {
		value = "'" + value + "'"
	}
	return Refuse(ValidationError, "1 validation error detected: Value %s at '%s' failed to satisfy constraint: %s",
		value, member, constraint)
}
