package sts

import (
	"encoding/xml"
	"time"
)

const namespace = "https://sts.amazonaws.com/doc/2011-06-15/"

// Credentials are temporary ones.
type Credentials struct {
	AccessKeyID     string `xml:"AccessKeyId"`
	SecretAccessKey string
	SessionToken    string
	Expiration      string // as Time writes it
}

// Time is a time as STS writes it.
func Time(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// A User is the session of a role.
type User struct {
	ARN string `xml:"Arn"`
	ID  string `xml:"AssumedRoleId"`
}

// Assumed is what the actions that assume a role answer. What is empty is left out.
type Assumed struct {
	Subject     string `xml:"SubjectFromWebIdentityToken,omitempty"`
	Audience    string `xml:"Audience,omitempty"`
	User        User   `xml:"AssumedRoleUser"`
	Credentials Credentials
	Provider    string `xml:"Provider,omitempty"`
	// PackedPolicySize is how much of what a session may carry it carries, in percent.
	PackedPolicySize int `xml:"PackedPolicySize,omitempty"`
}

// Identity is what GetCallerIdentity answers.
type Identity struct {
	ARN     string `xml:"Arn"`
	UserID  string `xml:"UserId"`
	Account string `xml:"Account"`
}

// Answer is an action's answer as STS writes it: ActionResponse, with the result as ActionResult.
func Answer(action, requestID string, result any) []byte {
	return marshal(&response{action: action, result: result, requestID: requestID})
}

// A response names its elements by its action.
type response struct {
	action, requestID string
	result            any
}

// MarshalXML writes the response.
func (r *response) MarshalXML(e *xml.Encoder, _ xml.StartElement) error {
	root := xml.StartElement{
		Name: xml.Name{Local: r.action + "Response"},
		Attr: []xml.Attr{{Name: xml.Name{Local: "xmlns"}, Value: namespace}},
	}
	metadata := struct {
		RequestID string `xml:"RequestId"`
	}{r.requestID}
	for _, err := range []error{
		e.EncodeToken(root),
		e.EncodeElement(r.result, xml.StartElement{Name: xml.Name{Local: r.action + "Result"}}),
		e.EncodeElement(metadata, xml.StartElement{Name: xml.Name{Local: "ResponseMetadata"}}),
		e.EncodeToken(root.End()),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

// marshal writes a document of this package, which can be written always: what XML has no characters for is replaced.
func marshal(doc any) []byte {
	text, err := xml.Marshal(doc)
	if err != nil {
		panic("sts: internal error: " + err.Error())
	}
	return append([]byte(xml.Header), text...)
}
