package gateway

import (
	"encoding/xml"

	"sealfront/policy"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/session"
)

// createSession carries out CreateSession. For an SSE-KMS bucket it fetches the bucket key unless it is cached, so that
// errors of KMS are reported here first (U-13). For a bucket that doesn't exist yet it returns a provisional session:
// SDKs request one before they send CreateBucket to a custom endpoint (REG-2).
func createSession(x *exchange) error {
	err := x.issueSession()
	if observe := x.g.o.Observe.Session; observe != nil {
		outcome := "issued"
		if err != nil {
			outcome = objects.Translate(err).Code
		}
		observe(outcome)
	}
	return err
}

func (x *exchange) issueSession() error {
	s := session.Session{Principal: x.grant.Identity.Name, Bucket: x.Bucket, Assumed: x.grant.Identity.Assumed()}
	if x.Record != nil {
		e := x.grant.Decision.Encryption
		s.Incarnation, s.ReadOnly = x.Record.Incarnation, x.grant.Mode == policy.ReadOnly
		if s.KMS = e.SSE == policy.SSEKMS; s.KMS {
			s.KeyARN = e.KeyARN
			if err := x.FetchKey(x.context, e); err != nil {
				return err
			}
		}
	}
	c, err := session.Issue(x.context, x.g.o.Sessions, s, x.grant.Start)
	if err != nil {
		return s3.Unavailable(err)
	}
	x.g.access.Issued(c.Token)
	x.showEncryption()
	return x.answerXML(&struct {
		XMLName     xml.Name `xml:"CreateSessionResult"`
		Xmlns       string   `xml:"xmlns,attr"`
		Credentials struct {
			SessionToken, SecretAccessKey, AccessKeyId, Expiration string
		}
	}{Xmlns: s3.Namespace, Credentials: struct {
		SessionToken, SecretAccessKey, AccessKeyId, Expiration string
	}{c.Token, c.SecretAccessKey, c.AccessKeyID, c.Expires.Format("2006-01-02T15:04:05Z")}})
}
